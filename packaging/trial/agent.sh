# The agent: installed and enrolled by hand, as the README says, or preseeded; approved, confined.

install_agent() {
    say "install the agent, and enroll it with the line that the console gave"
    cd packages
    block /trial/README.md '## Install' 2 | grep '^apt' | DEBIAN_FRONTEND=noninteractive bash -euo pipefail
    cd ..
    if active scmclient; then fail "an agent without a server runs"; fi
    # 3: it waits for approval.
    tmux -L trial show-buffer | bash -euo pipefail || [ $? = 3 ] || fail "scmclient enroll"
    block /trial/README.md '## Install' 2 | grep '^systemctl' | bash -euo pipefail
    await 30 "the agent" active scmclient
    await 30 "the system to be pending" system '.status == "pending"'
    whose_files
}

whose_files() {
    [ "$(stat -c %U /var/lib/openscm/client)" = scmclient ] || fail "owner of the agent's state folder"
    if find /var/lib/openscm/client ! -user scmclient | grep .; then fail "files of another owner in the agent's state folder"; fi
    [ "$(stat -c %U /etc/openscm/scmclient.config)" = root ] || fail "the agent's configuration is not root's"
}

actives() { [ "$(api $server/api/v1/systems | jq '[.items[] | select(.status == "active")] | length')" = "$1" ]; }

preseed_agent() {
    say "an agent that is purged, and installed anew with a preseeded bootstrap string"
    DEBIAN_FRONTEND=noninteractive dpkg --purge scmclient
    echo "scmclient scmclient/bootstrap password $(token_string preseeded)" | debconf-set-selections
    DEBIAN_FRONTEND=noninteractive dpkg -i next/scmclient_*_amd64.deb
    await 30 "the agent" active scmclient
    if debconf-show scmclient | grep -q oscm-; then fail "the bootstrap string was kept"; fi
    await 60 "another system" actives 2
    whose_files
}

confined_agent() {
    confined scmclient scmclient
    local listening
    listening=$(ss --no-header --listening --tcp --udp --processes | grep scmclient || true)
    [ -z "$listening" ] || fail "the agent listens: $listening"
    await 60 "telemetry" system "$reports"
}

identity() { sha256sum /var/lib/openscm/client/client_*.key; }
