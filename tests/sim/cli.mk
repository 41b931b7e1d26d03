# The command line over the real daemons on a simulated host.
SIM_CLI_TESTS = \
	tests/sim/test-automation.sh \
	tests/sim/test-automation-crash.sh \
	tests/sim/test-automation-examples.sh \
	tests/sim/test-cli-audit.sh \
	tests/sim/test-cli-channel-quotas.sh \
	tests/sim/test-cli-channel-rows.sh \
	tests/sim/test-cli-channel-users.sh \
	tests/sim/test-cli-channels.sh \
	tests/sim/test-cli-customers.sh \
	tests/sim/test-cli-dc.sh \
	tests/sim/test-cli-dc-leave.sh \
	tests/sim/test-cli-dc-standby.sh \
	tests/sim/test-cli-down.sh \
	tests/sim/test-cli-errors.sh \
	tests/sim/test-cli-etcd-three.sh \
	tests/sim/test-cli-events.sh \
	tests/sim/test-cli-external.sh \
	tests/sim/test-cli-features.sh \
	tests/sim/test-cli-fence.sh \
	tests/sim/test-cli-fence-watch.sh \
	tests/sim/test-cli-fenced.sh \
	tests/sim/test-cli-fenced-crash.sh \
	tests/sim/test-cli-fenced-found.sh \
	tests/sim/test-cli-guest.sh \
	tests/sim/test-cli-hosts.sh \
	tests/sim/test-cli-images.sh \
	tests/sim/test-cli-images-again.sh \
	tests/sim/test-cli-images-policyd.sh \
	tests/sim/test-cli-json.sh \
	tests/sim/test-cli-metrics.sh \
	tests/sim/test-cli-migrate.sh \
	tests/sim/test-cli-migrate-crash.sh \
	tests/sim/test-cli-moves.sh \
	tests/sim/test-cli-moves-crash.sh \
	tests/sim/test-cli-moves-etcd.sh \
	tests/sim/test-cli-moves-directory.sh \
	tests/sim/test-cli-moves-stuck.sh \
	tests/sim/test-cli-pack.sh \
	tests/sim/test-cli-pages.sh \
	tests/sim/test-cli-projects.sh \
	tests/sim/test-cli-policies.sh \
	tests/sim/test-cli-quotas.sh \
	tests/sim/test-cli-rebalance.sh \
	tests/sim/test-cli-rebuild.sh \
	tests/sim/test-cli-resources.sh \
	tests/sim/test-cli-road.sh \
	tests/sim/test-cli-top.sh \
	tests/sim/test-cli-versions.sh \
	tests/sim/test-cli-why.sh \
	tests/sim/test-command-channel.sh \
	tests/sim/test-command-domain.sh \
	tests/sim/test-endpoint.sh \
	tests/sim/test-cli-tls-hostile.sh \
	tests/sim/test-cli-tls-standby.sh \
	tests/sim/test-cli-tls.sh \
	tests/sim/test-cli-tokens.sh \
	tests/sim/test-ports.sh \
	tests/sim/test-readme.sh \
	tests/sim/test-start.sh
EXTRA_DIST += tests/etcd.sh tests/ports.sh tests/sim/lib.sh \
	tests/sim/lib-channels.sh tests/sim/lib-automation.sh \
	tests/sim/lib-dc.sh \
	tests/sim/lib-migrate.sh tests/sim/lib-moves.sh tests/sim/lib-tls.sh \
	tests/sim/lib-users.sh tests/sim/metrics.py tests/sim/terminal.py \
	tests/sim/play tests/sim/long/sweep.sh \
	tests/sim/long/valgrind.sh tests/sim/long/valgrind.supp $(SIM_CLI_TESTS)
TESTS += $(SIM_CLI_TESTS)
