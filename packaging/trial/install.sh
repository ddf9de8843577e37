# The server and the console from an APT repository, published and used as the guide for packagers says.

install_server() {
    say "publish an APT repository, and install server and console from it"
    mkdir -p /srv/openscm && cd /srv/openscm
    cp -r /trial/packages packages
    export GNUPGHOME=/trial/gnupg
    mkdir -m 0700 $GNUPGHOME
    gpg --batch --quiet --passphrase '' --quick-generate-key 'Trial <trial@example.com>' ed25519 sign never
    block /trial/packages.md '**Publish an APT repository' 1 | bash -euo pipefail
    # No other source can be reached from here.
    rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
    block /trial/packages.md '**Publish an APT repository' 2 |
        sed "s#https://packages.example.com/openscm#file:/srv/openscm/repo#" | DEBIAN_FRONTEND=noninteractive bash -euo pipefail
    cd /trial
    await 30 "the server" active scmserver
    await 30 "readiness" ready
    systemctl is-enabled --quiet scmserver || fail "the server is not enabled"
    confined scmserver scmserver
    [ "$(stat -c '%U:%G %a' /etc/openscm/scmserver.config)" = "root:scmserver 640" ] || fail "mode of scmserver.config"
    scmtui --version
    [ -s /usr/share/man/man1/scmserver-run.1.gz ] || fail "no manual page"
    man --pager=cat 5 scmserver.config 2>/dev/null | grep release_keys >/dev/null || fail "no manual page of the configuration"
    bash -n /usr/share/bash-completion/completions/scmserver || fail "completions"
    say "a repository that somebody else signed is refused"
    sed -i 's/^Date:.*/Date: Thu, 01 Jan 1970 00:00:00 UTC/' /srv/openscm/repo/InRelease
    if apt-get -o APT::Update::Error-Mode=any update >/trial/apt.log 2>&1; then
        cat /trial/apt.log
        fail "a changed repository was taken"
    fi
    rm -f /etc/apt/sources.list.d/*
}

verify_signatures() {
    say "every file is signed"
    cd packages
    sha256sum --quiet --check SHA256SUMS
    for file in SHA256SUMS $(cut -d ' ' -f 3 SHA256SUMS); do
        minisign -V -q -p throw-away.pub -m "$file" || fail "signature of $file"
    done
    cd ..
}
