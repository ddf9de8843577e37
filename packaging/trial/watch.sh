# How the acts of the trial look at the system, wait for it and talk to the server. Every act is read into trial.sh.

server=https://localhost:8443
state=/var/lib/openscm/server

say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

fail() {
    printf 'FAILED: %s\n' "$*"
    tmux -L trial capture-pane -p 2>/dev/null || true
    journalctl --no-pager -u scmserver -u scmclient -n 40 || true
    exit 1
}

# await SECONDS WHAT COMMAND...: waits for a command to succeed.
await() {
    local seconds=$1 what=$2 i
    shift 2
    for ((i = 0; i < seconds * 5; i++)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.2
    done
    fail "$what: not within $seconds s"
}

# Every file; what the system itself writes all the time is left out.
files() {
    find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /trial -o -path /var/log -o -path /var/cache \
        -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/lib/systemd -o -path /var/tmp -o -path /root -o -path /dev \) \
        -prune -o -print | sort
}

# The Nth block of commands below the line of a guide that begins with some words: what people are told is what is tried.
block() {
    awk -v begin="$2" -v number="$3" '
        index($0, begin) == 1 { found = 1 }
        found && /^ *```/ { if (inside) { inside = 0; if (count == number) exit } else { inside = 1; count++ } ; next }
        inside && count == number { sub(/^  /, ""); print }' "$1"
}

api() {
    curl --silent --show-error --fail --cacert $state/pki/ca.pem \
        --header "Authorization: Bearer $(cat $state/local-admin.token)" --header 'Content-Type: application/json' "$@"
}
ready() { api $server/readyz; }
active() { systemctl is-active --quiet "$1"; }
main_pid() { systemctl show --property MainPID --value "$1"; }

# system FILTER: whether jq's filter holds for some system of the fleet.
system() { api $server/api/v1/systems | jq -e "any(.items[]; $1)"; }
reports='.mem_total_bytes > 0 and .disk_total_bytes > 0 and .uptime_secs > 0'
system_id() { api $server/api/v1/systems | jq -r "[.items[] | select($1)][0].id"; }
# A bootstrap string with a token in it, which approves at once.
token_string() {
    local secret
    secret=$(api --data "{\"name\": \"$1\"}" $server/api/v1/enrollment/tokens | jq -r .secret)
    api --data "{\"url\": \"$server\", \"enrollment_token\": \"$secret\"}" $server/api/v1/enrollment/bootstrap | jq -r .bootstrap
}

# The confinement of a service, seen from within its own namespaces, with root's rights, which it does not even have.
confined() {
    local unit=$1 user=$2 pid
    pid=$(main_pid "$unit")
    grep -q '^NoNewPrivs:[[:space:]]1$' "/proc/$pid/status" || fail "$unit can get new privileges"
    grep -q '^CapEff:[[:space:]]0000000000000000$' "/proc/$pid/status" || fail "$unit has capabilities"
    grep -q '^CapBnd:[[:space:]]0000000000000000$' "/proc/$pid/status" || fail "$unit could get capabilities"
    grep -q '^Seccomp:[[:space:]]2$' "/proc/$pid/status" || fail "$unit has no filter of system calls"
    [ "$(stat -c %U "/proc/$pid")" = "$user" ] || fail "$unit runs as $(stat -c %U "/proc/$pid")"
    for place in /etc/openscm/x /usr/bin/x /var/lib/x /var/x /boot/x /root/x /home/x; do
        if nsenter --target "$pid" --mount -- touch "$place" 2>/dev/null; then fail "$unit could write $place"; fi
    done
}

# The console's screen, and the keyboard before it.
screen() { tmux -L trial capture-pane -p; }
shows() { screen | grep -qF -- "$1"; }
key() { tmux -L trial send-keys "$@"; }
type_in() { tmux -L trial send-keys -l -- "$1"; }
# A question takes no answer before it was on the screen for half a second.
settle() { sleep 0.7; }
