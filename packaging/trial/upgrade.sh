# What the server's package carries for its catalogue, an upgrade of the agent from there, and the upgrade of the packages.

upgrade_is() { api "$server/api/v1/systems/$id/upgrade" | jq -e "$1"; }
catalogue() { runuser -u scmserver -- scmserver packages list; }

trust_release_key() {
    say "carried agents: offered only when their key is trusted"
    catalogue | grep -x 'no packages' >/dev/null || fail "packages are offered that no key vouches for"
    local key
    key=$(sed -n 2p packages/throw-away.pub)
    sed -i "s|^#release_keys = .*|release_keys = [\"$key\"]|" /etc/openscm/scmserver.config
    printf '\n[upgrade]\nrelease_key = "%s"\n' "$key" >>/etc/openscm/scmclient.config
    systemctl restart scmserver scmclient
    await 30 "the server" ready
    for platform in x86_64-linux aarch64-linux; do
        catalogue | grep "^$platform " >/dev/null || fail "no package for $platform"
    done
}

upgrade_all() {
    say "upgrade of the server, with a changed configuration"
    sed -i 's/^#name = .*/name = "trial"/' /etc/openscm/scmserver.config
    DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i next/scmserver_*_amd64.deb next/scmtui_*_amd64.deb
    await 30 "the server" ready
    grep -q '^name = "trial"' /etc/openscm/scmserver.config || fail "the configuration was replaced"
    say "upgrade of the agent, by the server's order, from what its package carries"
    id=$(system_id "$reports")
    await 60 "an offer" upgrade_is '.offered == "99.0.0"'
    api --request POST --data '{}' "$server/api/v1/systems/$id/upgrade" >/dev/null
    await 120 "the newer agent" system '.agent_version == "99.0.0"'
    await 60 "the end of the upgrade" upgrade_is '.last.state == "done"'
    confined scmclient scmclient
    say "upgrade of the agent's package"
    DEBIAN_FRONTEND=noninteractive dpkg --force-confold -i next/scmclient_*_amd64.deb
    await 30 "the agent" active scmclient
    [ "$key" = "$(identity)" ] || fail "the identity changed"
    await 60 "the system to be active" system '.status == "active"'
    [ "$(api $server/api/v1/systems | jq '.items | length')" = 1 ] || fail "another system appeared"
}

back_up_and_restore() {
    say "a backup, and the way back"
    local backup
    runuser -u scmserver -- scmserver backup
    backup=$(find $state/backups -name '*.backup' | sort | tail -n 1)
    systemctl stop scmserver
    rm $state/openscm.db*
    runuser -u scmserver -- scmserver restore "$backup"
    systemctl start scmserver
    await 30 "the server" ready
    runuser -u scmserver -- scmserver audit verify
    await 60 "the system to be active" system '.status == "active"'
}
