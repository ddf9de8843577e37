# The agents for other machines: started here as well, each with an identity of its own, against the same server.

# serve NAME FILTER COMMAND...: enrolls an agent, runs it until its telemetry is there, and stops it.
serve() {
    local name=$1 filter=$2 folder=/var/tmp/agent-$1 string agent
    shift 2
    say "the agent $name"
    mkdir -p "$folder"
    string=$(token_string "$name")
    printf %s "$string" | "$@" enroll - --config "$folder/scmclient.config" --state-folder "$folder/state"
    "$@" run --config "$folder/scmclient.config" >"$folder/log" 2>&1 &
    agent=$!
    await 120 "telemetry of $name" system "$filter and .status == \"active\" and $reports" || cat "$folder/log"
    kill $agent
    wait $agent || true
    forget "$filter"
    rm -r "$folder"
}

# forget FILTER: revokes a system, and deletes it.
forget() {
    local id
    id=$(system_id "$1")
    seen() { api "$server/api/v1/systems/$id" | jq '{fingerprint, expected_status: .status}'; }
    api --data "$(seen)" "$server/api/v1/systems/$id/revoke"
    api --request DELETE --data "$(seen)" "$server/api/v1/systems/$id"
}

other_machines() {
    local here
    here=$(system_id "$reports")
    dpkg-deb -x packages/scmclient_*_arm64.deb /var/tmp/arm64
    cmp /var/tmp/arm64/usr/bin/scmclient packages/scmclient-*-aarch64-linux || fail "the arm64 package holds another program"
    serve arm64 '.arch == "aarch64"' qemu-aarch64-static -L /usr/aarch64-linux-gnu /var/tmp/arm64/usr/bin/scmclient
    rm -r /var/tmp/arm64
    # Without any C library around it.
    mkdir -p /var/tmp/bare/{etc,var/tmp,proc,dev}
    cp packages/scmclient-*-x86_64-linux-static /var/tmp/bare/scmclient
    chmod 0755 /var/tmp/bare/scmclient
    cp /etc/hosts /var/tmp/bare/etc/hosts
    mount --bind /proc /var/tmp/bare/proc
    mount --bind /dev /var/tmp/bare/dev
    serve static ".id != $here" chroot /var/tmp/bare /scmclient
    umount /var/tmp/bare/proc /var/tmp/bare/dev
    rm -r /var/tmp/bare
}
