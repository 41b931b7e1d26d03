# examples: each domain file is checked by tests/unit/xl-ext/test-examples.sh
# and run in the bed.
examplesdir = $(docdir)/examples
dist_examples_DATA = \
	examples/full.cfg \
	examples/placement.conf \
	examples/web-image.cfg \
	examples/web-pv.cfg \
	examples/web.cfg
# Units of systemd for those who want them.
rebalanceexampledir = $(docdir)/examples/rebalance
dist_rebalanceexample_DATA = \
	examples/rebalance/xen-vdc-pack.service \
	examples/rebalance/xen-vdc-pack.timer
EXTRA_DIST += \
	examples/command-domain/README.md \
	examples/command-domain/back \
	examples/command-domain/build \
	examples/command-domain/channel.rules \
	examples/command-domain/command.cfg \
	examples/command-domain/init \
	examples/command-domain/move \
	examples/command-domain/policyd.conf \
	examples/guest/README.md \
	examples/guest/build \
	examples/guest/init \
	examples/guest/inittab \
	examples/guest/kernel.sh \
	examples/guest/power

# Scripts for xenstore, run by tests/sim/test-automation-examples.sh.
automationexampledir = $(docdir)/examples/automation
dist_automationexample_SCRIPTS = \
	examples/automation/ask \
	examples/automation/autoscale \
	examples/automation/on-crash \
	examples/automation/request \
	examples/automation/start-in-order
# A program for a guest's initramfs: static, and small.
channelexampledir = $(docdir)/examples/channel
dist_channelexample_DATA = \
	examples/channel/channel-echo.c \
	examples/channel/service-echo.c \
	examples/channel/vchan-echo.c
check_PROGRAMS += examples/channel/channel-echo \
	examples/channel/service-echo examples/channel/vchan-echo
examples_channel_channel_echo_SOURCES = examples/channel/channel-echo.c
examples_channel_channel_echo_LDADD = libvdc/chan/libvdc-chan.a
examples_channel_service_echo_SOURCES = examples/channel/service-echo.c
examples_channel_service_echo_LDADD = libvdc/chan/libvdc-chan.a \
	$(LIBEVENT_LIBS)
examples_channel_vchan_echo_SOURCES = examples/channel/vchan-echo.c
examples_channel_vchan_echo_LDADD = libvdc/chan/libvdc-chan.a
if !SANITIZE
examples_channel_channel_echo_LDFLAGS = -static
examples_channel_service_echo_LDFLAGS = -static
examples_channel_vchan_echo_LDFLAGS = -static
endif
dist_check_SCRIPTS += tests/unit/chan/test-example.sh
TESTS += tests/unit/chan/test-example.sh
