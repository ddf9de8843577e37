# Removing keeps data and identity; purging leaves nothing.

remove_packages() {
    say "remove: data and identity stay"
    dpkg --remove scmclient scmserver scmtui
    if active scmserver || active scmclient; then fail "a removed service runs"; fi
    [ -s $state/master.key ] || fail "the server's data went with its package"
    [ "$key" = "$(identity)" ] || fail "the identity went with its package"
}

purge_packages() {
    say "purge: nothing stays"
    DEBIAN_FRONTEND=noninteractive dpkg --purge scmclient scmserver
    systemctl daemon-reload
    for user in scmserver scmclient; do
        if getent passwd $user || getent group $user; then fail "the user $user stayed"; fi
    done
    rm -rf /srv/openscm /etc/apt/keyrings/openscm.gpg
    files >/trial/after
    # Accounts came and went: these are rewritten with their backups. The last is what the trial took away itself.
    local ours='^/etc/((passwd|group|shadow|gshadow|subuid|subgid)-?|\.pwd\.lock|apt/(sources\.list|keyrings|sources\.list\.d/.*))$'
    diff <(grep -vE "$ours" /trial/before) <(grep -vE "$ours" /trial/after) || fail "files stayed, see above"
}
