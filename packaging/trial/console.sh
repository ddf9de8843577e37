# A person who only has the packages and the README, at an 80x24 terminal: from the setup code to live telemetry.

setup_owner() {
    say "the console: the first owner"
    tmux -L trial -f /dev/null new-session -d -x 80 -y 24 "env TERM=screen-256color LC_ALL=C.UTF-8 HOME=/trial bash --norc"
    tmux -L trial set-option -g set-clipboard on
    type_in "$(block /trial/README.md '## Install' 1 | grep '^scmtui')"
    key Enter
    await 30 "the setup form" shows "setup code"
    type_in "$(cat $state/setup-code)"
    key Enter
    type_in admin
    key Enter
    type_in "correct horse battery"
    key Enter
    type_in "correct horse battery"
    key Enter
    await 30 "the dashboard" shows "live"
}

# Gives the line for new machines, as `y` puts it on the clipboard.
copy_line() {
    key N
    await 30 "the page of new systems" shows "One line to paste on a new machine"
    type_in "$server"
    key Enter
    key Enter
    await 30 "the line" shows "copy this line"
    key y
    await 10 "the clipboard" tmux -L trial show-buffer
}

approve_in_console() {
    say "the console: compare the words, and approve"
    local words
    words=$({ scmclient status || true; } | sed -n 's/^words *//p')
    [ -n "$words" ] || fail "no words"
    key 3
    await 30 "the approval card" shows "${words%% *}"
    key a
    await 10 "the menu" shows approve
    key a
    await 10 "the question" shows Cancel
    settle
    key Tab
    key Enter
    await 30 "the system to be active" system '.status == "active"'
    key Escape
    settle
}

# This machine, all well, with the CPU in percent.
live_line() { screen | grep -F "$(hostname)" | grep -w OK | grep -q %; }

live_telemetry() {
    say "the console: live telemetry"
    key 2
    await 60 "telemetry on the screen" live_line
    screen
    tmux -L trial kill-server
}
