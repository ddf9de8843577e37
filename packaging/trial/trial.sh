#!/bin/bash
# Runs inside a booted Debian, as root: installs the packages, looks at what they do, upgrades, removes and purges them.
# Everything that is not as promised ends it. `cargo xtask package --try` starts it.
set -euo pipefail
cd /trial

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*"; journalctl --no-pager -u scmserver -u scmclient -n 40 || true; exit 1; }
# until SECONDS WHAT COMMAND...: waits for a command to succeed.
await() {
    local seconds=$1 what=$2 i
    shift 2
    for ((i = 0; i < seconds * 5; i++)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.2
    done
    fail "$what: not within $seconds s"
}
# Every file, with its owner and mode; what the system itself writes all the time is left out.
files() {
    find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /trial -o -path /var/log -o -path /var/cache \
        -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/tmp -o -path /root -o -path /dev \) -prune -o -print | sort
}
api() { curl --silent --show-error --fail --cacert /var/lib/openscm/server/pki/ca.pem \
    --header "Authorization: Bearer $(cat /var/lib/openscm/server/local-admin.token)" "$@"; }
active() { systemctl is-active --quiet "$1"; }
main_pid() { systemctl show --property MainPID --value "$1"; }
status_of() { api https://localhost:8443/api/v1/systems | jq -e --arg status "$1" 'any(.items[]; .status == $status)'; }
reports() { api https://localhost:8443/api/v1/systems | jq -e 'any(.items[]; .mem_total_bytes > 0 and .disk_total_bytes > 0 and .uptime_secs > 0)'; }

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

# As small as this Debian is, it lacks what every installed one has.
[ -s /etc/hosts ] || printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts

say "before"
files >/trial/before

say "install the server"
dpkg -i scmserver_*_amd64.deb scmtui_*_amd64.deb
await 30 "the server" active scmserver
await 30 "readiness" api https://localhost:8443/readyz
systemctl is-enabled --quiet scmserver || fail "the server is not enabled"
confined scmserver scmserver
[ "$(stat -c '%U:%G %a' /etc/openscm/scmserver.config)" = "root:scmserver 640" ] || fail "mode of scmserver.config"
scmtui --version
[ -s /usr/share/man/man1/scmserver-run.1.gz ] || fail "no manual page"
bash -n /usr/share/bash-completion/completions/scmserver || fail "completions"

say "install the agent, preseeded with its bootstrap string"
string=$(api --request POST --header 'Content-Type: application/json' \
    --data '{"url":"https://localhost:8443"}' https://localhost:8443/api/v1/enrollment/bootstrap | jq -r .bootstrap)
echo "scmclient scmclient/bootstrap password $string" | debconf-set-selections
DEBIAN_FRONTEND=noninteractive dpkg -i scmclient_*_amd64.deb
await 30 "the agent" active scmclient
if debconf-show scmclient | grep -q oscm-; then fail "the bootstrap string was kept"; fi
await 30 "the system to be pending" status_of pending
words=$({ scmclient status || true; } | sed -n 's/^words *//p')
[ -n "$words" ] || fail "no words"
[ "$(stat -c %U /var/lib/openscm/client)" = scmclient ] || fail "owner of the agent's state folder"
if find /var/lib/openscm/client ! -user scmclient | grep .; then fail "files of another owner in the agent's state folder"; fi
[ "$(stat -c %U /etc/openscm/scmclient.config)" = root ] || fail "the agent's configuration is not root's"

say "approve it"
id=$(api https://localhost:8443/api/v1/systems | jq -r '.items[0].id')
seen=$(api "https://localhost:8443/api/v1/systems/$id" | jq '{fingerprint: .fingerprint, expected_status: "pending"}')
api --request POST --header 'Content-Type: application/json' --data "$seen" "https://localhost:8443/api/v1/systems/$id/approve" >/dev/null
await 30 "the system to be active" status_of active
confined scmclient scmclient
listening=$(ss --no-header --listening --tcp --udp --processes | grep scmclient || true)
[ -z "$listening" ] || fail "the agent listens: $listening"
await 60 "telemetry" reports
key=$(sha256sum /var/lib/openscm/client/client_*.key)

say "a server that hangs is restarted by its watchdog"
pid=$(main_pid scmserver)
mkdir -p /run/systemd/system/scmserver.service.d
printf '[Service]\nWatchdogSec=3s\n' >/run/systemd/system/scmserver.service.d/trial.conf
systemctl daemon-reload
systemctl restart scmserver
await 30 "the server" api https://localhost:8443/readyz
pid=$(main_pid scmserver)
kill -STOP "$pid"
await 60 "another process" sh -c "[ \$(systemctl show --property MainPID --value scmserver) != $pid ] && systemctl is-active --quiet scmserver"
await 30 "the server" api https://localhost:8443/readyz
rm -r /run/systemd/system/scmserver.service.d
systemctl daemon-reload

say "upgrade, with a changed configuration"
sed -i 's/^#name = .*/name = "trial"/' /etc/openscm/scmserver.config
DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i next/scmserver_*_amd64.deb next/scmtui_*_amd64.deb next/scmclient_*_amd64.deb
await 30 "the server" api https://localhost:8443/readyz
await 30 "the agent" active scmclient
grep -q '^name = "trial"' /etc/openscm/scmserver.config || fail "the configuration was replaced"
[ "$key" = "$(sha256sum /var/lib/openscm/client/client_*.key)" ] || fail "the identity changed"
await 60 "the system to be active" status_of active
[ "$(api https://localhost:8443/api/v1/systems | jq '.items | length')" = 1 ] || fail "another system appeared"

say "remove: data and identity stay"
dpkg --remove scmclient scmserver scmtui
if active scmserver || active scmclient; then fail "a removed service runs"; fi
[ -s /var/lib/openscm/server/master.key ] || fail "the server's data went with its package"
[ "$key" = "$(sha256sum /var/lib/openscm/client/client_*.key)" ] || fail "the identity went with its package"

say "purge: nothing stays"
DEBIAN_FRONTEND=noninteractive dpkg --purge scmclient scmserver
systemctl daemon-reload
for user in scmserver scmclient; do
    if getent passwd $user || getent group $user; then fail "the user $user stayed"; fi
done
files >/trial/after
# Accounts came and went: these are rewritten with their backups.
accounts='^/etc/((passwd|group|shadow|gshadow|subuid|subgid)-?|\.pwd\.lock)$'
diff <(grep -vE "$accounts" /trial/before) <(grep -vE "$accounts" /trial/after) || fail "files stayed, see above"

say "passed"
touch /trial/passed
