#!/bin/bash
# Runs inside a booted Debian, as root: installs the packages, looks at what they do, upgrades, removes and purges them.
# Everything that is not as promised ends it. `cargo xtask package --try` starts it; the acts stand in the files beside it.
set -euo pipefail
cd /trial
for act in watch install console agent hang actions machines upgrade leave rpm; do
    # shellcheck source=/dev/null
    . "/trial/$act.sh"
done

# As small as this Debian is, it lacks what every installed one has.
[ -s /etc/hosts ] || printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts

files >/trial/before
verify_signatures
install_server
setup_owner
copy_line
install_agent
approve_in_console
live_telemetry
confined_agent
key=$(identity)
hang_server
run_actions
other_machines
trust_release_key
upgrade_all
back_up_and_restore
preseed_agent
key=$(identity)
remove_packages
purge_packages
rpm_cycle

say "passed"
touch /trial/passed
