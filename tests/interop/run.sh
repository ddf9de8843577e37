#!/bin/sh
# Both directions of the wire against Python: run.sh PATH-OF-SCMSERVER PATH-OF-SCMCLIENT
# SCM_PYTHON names a python with the packages of requirements.txt. Exit code 0: all held.
set -eu

scmserver=$1
scmclient=$2
here=$(cd "$(dirname "$0")" && pwd)
python=${SCM_PYTHON:?"set SCM_PYTHON to a python with the packages of $here/requirements.txt"}

folder=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

echo "== a server in Python for the real agent"
mkdir "$folder/python-server"
"$python" "$here/server.py" --folder "$folder/python-server" --agent "$scmclient"

echo "== an agent in Python for the real server"
state=$folder/state
mkdir -m 700 "$state"
cat > "$folder/scmserver.config" <<END
[server]
listen = "127.0.0.1:0"
state_folder = "$state"
END
"$scmserver" run --config "$folder/scmserver.config" 2> "$folder/log" &
server=$!
tries=0
until [ -s "$state/listening" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ] || ! kill -0 "$server" 2>/dev/null; then
        cat "$folder/log" >&2
        exit 1
    fi
    sleep 0.1
done
port=$(sed -n '1s/.*://p' "$state/listening")
if ! "$python" "$here/agent.py" --url "https://127.0.0.1:$port" --ca "$state/pki/ca.pem" \
    --admin-token-file "$state/local-admin.token"; then
    cat "$folder/log" >&2
    exit 1
fi
