# A server that hangs is restarted by its watchdog.

another_process() { [ "$(main_pid scmserver)" != "$1" ] && active scmserver; }

hang_server() {
    say "a server that hangs is restarted by its watchdog"
    local pid
    mkdir -p /run/systemd/system/scmserver.service.d
    printf '[Service]\nWatchdogSec=3s\n' >/run/systemd/system/scmserver.service.d/trial.conf
    systemctl daemon-reload
    systemctl restart scmserver
    await 30 "the server" ready
    pid=$(main_pid scmserver)
    kill -STOP "$pid"
    await 60 "another process" another_process "$pid"
    await 30 "the server" ready
    rm -r /run/systemd/system/scmserver.service.d
    systemctl daemon-reload
}
