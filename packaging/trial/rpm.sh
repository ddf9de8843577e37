# The .rpm packages, with their scripts, on the same systemd. Their dependencies are named as Fedora names them, which this system
# does not; so they are looked at instead of resolved.

rpms() { rpm --dbpath /trial/rpms "$@"; }

rpm_cycle() {
    say "rpm: install"
    rpm -qp --requires packages/scmclient-*.x86_64.rpm | grep '^glibc >= ' >/dev/null || fail "the agent's package needs no C library"
    [ "$(rpm -qp --queryformat '%{ARCH}' packages/scmclient-*.aarch64.rpm)" = aarch64 ] || fail "architecture of the arm64 package"
    # Debian's rpm wants to be told that it is meant.
    rpms --force-debian -Uvh --nodeps packages/scmserver-*.x86_64.rpm packages/scmtui-*.x86_64.rpm packages/scmclient-*.x86_64.rpm
    rpms -V --nodeps scmserver scmtui scmclient || fail "what was installed is not what was packed"
    [ "$(stat -c '%U:%G %a' /etc/openscm/scmserver.config)" = "root:scmserver 640" ] || fail "mode of scmserver.config"
    systemctl daemon-reload
    systemctl enable --now scmserver
    await 30 "the server" ready
    confined scmserver scmserver
    say "rpm: enroll"
    local string
    string=$(token_string rpm)
    printf %s "$string" | scmclient enroll -
    systemctl enable --now scmclient
    await 60 "the system to be active" system '.status == "active"'
    confined_agent
    key=$(identity)
    say "rpm: upgrade"
    rpms --force-debian -Uvh --nodeps next/scmserver-*.x86_64.rpm next/scmtui-*.x86_64.rpm next/scmclient-*.x86_64.rpm
    await 30 "the server" ready
    await 60 "the newer agent" system '.status == "active" and .agent_version == "99.0.0"'
    [ "$key" = "$(identity)" ] || fail "the identity changed"
    say "rpm: erase"
    rpms -e --nodeps scmclient scmserver scmtui
    if active scmserver || active scmclient; then fail "an erased service runs"; fi
    for file in /usr/bin/scmserver /usr/bin/scmclient /usr/lib/systemd/system/scmserver.service /usr/lib/scmserver; do
        if [ -e $file ]; then fail "$file stayed"; fi
    done
    [ -s $state/master.key ] || fail "the server's data went with its package"
}
