# What docs/actions.md tells the owner of a machine to write down, under the packaged unit.

# act ACTION STATE [PARAMETERS]: runs an action and waits for the state that it is to end in.
act() {
    local parameters=${3:-"{}"} command
    command=$(api --data "{\"action\": \"$1\", \"parameters\": $parameters, \"confirmed\": true}" \
        "$server/api/v1/systems/$id/commands" | jq .id) || fail "the action $1 is not offered"
    await 60 "the end of $1" ended "$command"
    local came
    came=$(api "$server/api/v1/commands/$command" | jq -r .state)
    [ "$came" = "$2" ] || { api "$server/api/v1/commands/$command"; fail "$1 is $came, not $2"; }
}
ended() { api "$server/api/v1/commands/$1" | jq -e '.state | IN("completed", "failed", "expired", "refused", "cancelled")'; }
offers() { api "$server/api/v1/systems/$id/actions" | jq -e "any(.. | objects; .name? == \"$1\")"; }

run_actions() {
    say "allowed actions: a service by polkit, a file by a drop-in"
    id=$(system_id "$reports")
    printf '[Service]\nExecStart=/usr/bin/sleep infinity\n' >/etc/systemd/system/nginx.service
    systemctl daemon-reload
    systemctl start nginx
    block /trial/actions.md '## Allow an action' 1 >>/etc/openscm/scmclient.config
    printf '[[action]]\nname = "refresh"\nprogram = "/usr/bin/touch"\narguments = ["/srv/www/cache/fresh"]\n' \
        >>/etc/openscm/scmclient.config
    mkdir -p /srv/www/cache
    chown scmclient /srv/www/cache
    systemctl restart scmclient
    await 30 "the action to be offered" offers refresh
    act restart-service failed '{"service": "nginx"}'
    act refresh failed
    block /trial/actions.md '* **Services.**' 1 >/etc/polkit-1/rules.d/50-openscm.rules
    mkdir -p /etc/systemd/system/scmclient.service.d
    block /trial/actions.md '* **Files.**' 1 >/etc/systemd/system/scmclient.service.d/override.conf
    systemctl daemon-reload
    systemctl restart scmclient polkit
    local before
    before=$(main_pid nginx)
    act restart-service completed '{"service": "nginx"}'
    [ "$(main_pid nginx)" != "$before" ] || fail "nginx was not restarted"
    act refresh completed
    [ -e /srv/www/cache/fresh ] || fail "the file was not written"
    if nsenter --target "$(main_pid scmclient)" --mount -- touch /srv/www/x 2>/dev/null; then fail "more was opened than the folder"; fi
    systemctl stop nginx
    rm -r /etc/systemd/system/nginx.service /etc/systemd/system/scmclient.service.d /etc/polkit-1/rules.d/50-openscm.rules /srv/www
    systemctl daemon-reload
    systemctl restart scmclient
}
