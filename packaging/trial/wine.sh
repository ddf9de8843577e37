#!/bin/bash
# The agent for Windows and its installer under wine, against a real server of this machine: installs with an enrollment token,
# looks at what the server is told, upgrades the agent by the server's order and by the next installer, refuses a downgrade,
# removes. Everything that is not as promised ends it. `cargo xtask package --try-windows` starts it:
#   wine.sh SCMSERVER SHIMS INSTALLER NEXT_INSTALLER NEXT_AGENT NEXT_VERSION
set -euo pipefail
scmserver=$1 shims=$2 installer=$3 next_installer=$4 next_agent=$5 next_version=$6
work=$(mktemp -d -t openscm-wine-XXXXXX)
export WINEPREFIX=$work/prefix WINEARCH=win64 WINEDEBUG=-all
export WINEDLLOVERRIDES="mscoree,mshtml=;pdh,bcryptprimitives=n"
unset DISPLAY
PATH=$PATH:/usr/lib/wine
wine=$(command -v wine64)
wineserver=$(command -v wineserver)
key='HKLM\SOFTWARE\OpenSCM\Client'
state=$WINEPREFIX/drive_c/ProgramData/OpenSCM/Client
server= keeper=

finish() {
    if [ -n "$keeper" ]; then kill "$keeper" 2>/dev/null || true; fi
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    "$wineserver" -k >/dev/null 2>&1 || true
    "$wineserver" -w >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*"
    tail -n 40 "$state/log/scmclient.log" 2>/dev/null || echo "the agent wrote no log"
    tail -n 20 "$work/server.log" 2>/dev/null || true
    systems 2>/dev/null | jq -c '.items[]' || true
    exit 1
}
# await SECONDS WHAT COMMAND...: waits for a command to succeed.
await() {
    local seconds=$1 what=$2 i
    shift 2
    for ((i = 0; i < seconds * 4; i++)); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.25
    done
    fail "$what: not within $seconds s"
}
win() { "$wine" "$@" </dev/null 2>/dev/null | tr -d '\r'; }
# The registry as the agent sees it, by the name of a value.
value() { win reg query "$key" /v "$1" | sed -n "s/^ *$1 *REG_[A-Z_]* *//p"; }
service() { win sc query scmclient | sed -n 's/^ *STATE *: *[0-9]* *//p' | tr -d ' '; }
is_service() { [ "$(service)" = "$1" ]; }
api() { curl --silent --show-error --fail --cacert "$work/server/pki/ca.pem" \
    --header "Authorization: Bearer $(cat "$work/server/local-admin.token")" --header 'Content-Type: application/json' "$@"; }
systems() { api "$url/api/v1/systems"; }
only() { systems | jq -e "(.items | length) == 1 and (.items[0] | $1)"; }
post() { api --request POST --data "$2" "$url$1"; }
identity() { sha256sum "$state"/client_*.key "$state"/client_*.id; }
processes() { pgrep -f '(OpenSCM.scmclient|scmclient-[0-9]).*exe' || true; }
none_left() { [ -z "$(processes)" ]; }
# Wine ends its services with the last program that is none: this one waits for an input that does not come.
power_on() {
    rm -f "$work/input"
    mkfifo "$work/input"
    "$wine" cmd <"$work/input" >/dev/null 2>&1 &
    keeper=$!
    exec 9>"$work/input"
}
# Files that were in use are replaced as the next session begins, before its services.
restart_windows() {
    exec 9>&-
    wait "$keeper" || true
    "$wineserver" -k >/dev/null 2>&1 || true
    "$wineserver" -w
    power_on
}

say "a server"
mkdir -m 700 "$work/server"
minisign -G -W -p "$work/release.pub" -s "$work/release.key" >/dev/null
release_key=$(sed -n 2p "$work/release.pub")
cat >"$work/scmserver.config" <<CONFIG
[server]
listen = "127.0.0.1:0"
state_folder = "$work/server"
hostnames = ["localhost", "127.0.0.1"]

[agents]
checkin_interval_secs = 5
pending_interval_secs = 5

[packages]
release_keys = ["$release_key"]
CONFIG
"$scmserver" run --config "$work/scmserver.config" >"$work/server.log" 2>&1 &
server=$!
await 60 "the server" test -s "$work/server/listening"
url=https://localhost:$(sed -n '1s/.*://p' "$work/server/listening")
await 30 "readiness" api "$url/readyz"
token=$(post /api/v1/enrollment/tokens '{"name":"wine","max_uses":1}' | jq -r .secret)
pin=sha256:$(openssl x509 -in "$work/server/pki/ca.pem" -outform der | sha256sum | cut -d' ' -f1)

say "a Windows"
"$wine" wineboot -i >/dev/null 2>&1
"$wineserver" -w
cp "$shims"/*.dll "$WINEPREFIX/drive_c/windows/system32/"
power_on

# Wine, unlike Windows, does not tell the removal of a former version that it is one for an upgrade (UPGRADINGPRODUCTCODE), so
# that it would remove the identity as well: the first installer is tried without that step, the next one with it.
cp "$installer" "$work/first.msi"
installer=$work/first.msi
msibuild "$installer" -q "DELETE FROM \`InstallExecuteSequence\` WHERE \`Action\` = 'Forget'"

say "install without a server: nothing runs yet"
win msiexec /i "$(win winepath -w "$installer")" /qn || fail "the installer ended with an error"
[ -s "$WINEPREFIX/drive_c/Program Files/OpenSCM/scmclient.exe" ] || fail "no program was installed"
is_service STOPPED || fail "the service is $(service), and has nowhere to go"
win msiexec /x "$(win winepath -w "$installer")" /qn || fail "removing ended with an error"

say "install with a server, its pin and an enrollment token"
win msiexec /i "$(win winepath -w "$installer")" /qn SERVERURL="$url/" CAPIN="$pin" ENROLLMENTTOKEN="$token" RELEASEKEY="$release_key" ||
    fail "the installer ended with an error"
await 60 "the service" is_service RUNNING
await 60 "the system to be active" only '.status == "active" and .os_family == "windows" and .arch == "x86_64"'
await 20 "telemetry" only '.mem_total_bytes > 0 and .uptime_secs > 0 and .disk_total_bytes > 0 and .cpu_percent != null'
systems | jq -c '.items[0] | {id, hostname, os, arch, agent_version, status, cpu_percent, mem_total_bytes, disk_total_bytes, uptime_secs}'
gone() { [ -z "$(value EnrollmentToken)" ]; }
await 60 "the token to be gone from the registry" gone
[ "$(value ServerURL)" = "$url/" ] || fail "the URL is gone as well"
if grep -rqs "$token" "$state" "$WINEPREFIX"/*.reg; then fail "the token is still somewhere"; fi
id=$(systems | jq '.items[0].id')
before=$(identity)
version=$(systems | jq -r '.items[0].agent_version')

say "allowed actions"
win sc stop scmclient >/dev/null
await 30 "the service to stop" is_service STOPPED
mkdir "$WINEPREFIX/drive_c/Program Files/Trial"
cp "$shims/family.exe" "$WINEPREFIX/drive_c/Program Files/Trial/"
for action in greet family; do
    win reg add "$key\\Actions\\$action" /v Program /t REG_SZ /d 'C:\Program Files\Trial\family.exe' /f >/dev/null
done
win reg add "$key\\Actions\\greet" /v Arguments /t REG_MULTI_SZ /d 'greet\0{who}' /f >/dev/null
win reg add "$key\\Actions\\greet\\Parameters\\who" /v Pattern /t REG_SZ /d '[a-z ]+' /f >/dev/null
win reg add "$key\\Actions\\family" /v TimeoutSecs /t REG_DWORD /d 3 /f >/dev/null
win sc start scmclient >/dev/null
await 30 "the service" is_service RUNNING
# order ACTION PARAMETERS: the id of the command; the system has to have said first what it offers.
order() { post "/api/v1/systems/$id/commands" "{\"action\":\"$1\",\"parameters\":$2}" | jq -e .id; }
await 30 "the actions to be offered" order greet '{"who":"first"}'
greeted=$(order greet '{"who":"big world"}')
family=$(order family '{}')
ended() { api "$url/api/v1/commands/$1" | jq -e "$2"; }
await 30 "the greeting" ended "$greeted" '.state == "failed" and .exit_code == 3'
api "$url/api/v1/commands/$greeted/output" | grep -q 'hello, big world' || fail "another greeting"
await 30 "the end of what took too long" ended "$family" '.state == "failed"'
api "$url/api/v1/commands/$family" | jq -c '{state, reason, outcome}'
if pgrep -f 'Trial.family.exe' >/dev/null; then fail "what the action started is still there"; fi

say "stop and start"
win sc stop scmclient >/dev/null
await 30 "the service to stop" is_service STOPPED
await 30 "its processes to end" none_left
win sc start scmclient >/dev/null
await 30 "the service" is_service RUNNING
[ "$before" = "$(identity)" ] || fail "another identity"

say "a value that is unknown stops the service with a reason in its log"
win sc stop scmclient >/dev/null
await 30 "the service to stop" is_service STOPPED
win reg add "$key" /v Organisation /t REG_SZ /d x /f >/dev/null
win sc start scmclient >/dev/null || true
await 30 "the reason" grep -q 'unknown value `Organisation`, did you mean `Organization`' "$state/log/scmclient.log"
win reg delete "$key" /v Organisation /f >/dev/null
await 30 "the service to stop" is_service STOPPED
win sc start scmclient >/dev/null
await 30 "the service" is_service RUNNING

say "the server's order makes it version $next_version"
cp "$next_agent" "$work/next"
minisign -S -s "$work/release.key" -m "$work/next" \
    -t "openscm scmclient $next_version x86_64-windows sha256:$(sha256sum "$work/next" | cut -d' ' -f1)" >/dev/null
"$scmserver" packages add "$work/next" --config "$work/scmserver.config" || fail "the package was not taken"
post "/api/v1/systems/$id/upgrade" "{\"version\":\"$next_version\"}" >/dev/null
await 180 "the newer version" only ".agent_version == \"$next_version\" and .status == \"active\""
# What was written last is that the newer program was started and serves, and not that it stops.
serves_newer() {
    local last
    last=$(tail -n 4 "$state/log/scmclient.log" | tr '\n' ' ')
    [[ $last == *"started agent.version=\"$next_version\""*"worker: serving"* && $last != *stopp* ]]
}
done_() { api "$url/api/v1/upgrades" | jq -e '.items[0].state == "done"'; }
await 60 "the upgrade to be done" done_
await 60 "the newer program to serve" serves_newer
[ "$before" = "$(identity)" ] || fail "another identity"
is_service RUNNING || fail "the service is $(service)"
win sc stop scmclient >/dev/null
await 40 "the service to stop" is_service STOPPED
await 40 "its processes to end" none_left
win sc start scmclient >/dev/null
await 30 "the service" is_service RUNNING
ls "$state/upgrade"
await 60 "the newer program to serve" serves_newer

say "upgrade by the next installer, without properties"
# Wine, unlike Windows, goes on while the service is still stopping; the program is in use then, and a restart replaces it: 3010,
# of which a shell sees the lower eight bits.
restart_required=$((3010 & 255))
status=0
win msiexec /i "$(win winepath -w "$next_installer")" /qn /l*v 'C:\next.log' || status=$?
case $status in
0) ;;
"$restart_required")
    echo "the installer asks for a restart"
    restart_windows
    ;;
*)
    tr -d '\0' <"$WINEPREFIX/drive_c/next.log" | tail -n 200
    fail "the next installer ended with $status"
    ;;
esac
[[ $(win 'C:\Program Files\OpenSCM\scmclient.exe' --version) == *"$next_version"* ]] || fail "the program that is installed is another"
await 60 "the service" is_service RUNNING
await 60 "the system" only ".status == \"active\" and .id == $id and .agent_version == \"$next_version\""
[ "$before" = "$(identity)" ] || fail "another identity"
[ "$(value ServerURL)" = "$url/" ] && [ "$(value CAPin)" = "$pin" ] || fail "the settings are gone"

say "a downgrade is refused"
if win msiexec /i "$(win winepath -w "$installer")" /qn; then fail "the older version was installed"; fi
is_service RUNNING || fail "the service is $(service)"

say "remove: nothing stays"
win msiexec /x "$(win winepath -w "$next_installer")" /qn || fail "removing ended with an error"
[ -z "$(service)" ] || fail "the service is still known"
await 30 "its processes to end" none_left
if find "$WINEPREFIX/drive_c" -iname '*openscm*' | grep .; then fail "files stayed"; fi
if win reg query 'HKLM\SOFTWARE\OpenSCM' /s | grep .; then fail "the registry still knows it"; fi
only '.status == "active"' >/dev/null || fail "the server forgot the system"

say "passed: version $version, then $next_version"
