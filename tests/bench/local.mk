# tests/bench: built with the tests, run by ./quickstart bench.
if HAVE_CUNIT
check_PROGRAMS += tests/bench/bench_resourced
tests_bench_bench_resourced_SOURCES = tests/bench/bench_resourced.c \
	$(RD_SOURCES)
tests_bench_bench_resourced_LDADD = $(RD_LIBS)
endif
check_PROGRAMS += tests/bench/bench_store
tests_bench_bench_store_SOURCES = \
	tests/bench/bench_store.c \
	tests/bench/bench_store.h \
	tests/bench/bench_store_log.c \
	tests/unit/resourced/store_fixture.c
tests_bench_bench_store_LDADD = $(STORE_LIBS)
check_PROGRAMS += tests/bench/bench_placement
tests_bench_bench_placement_SOURCES = \
	tests/bench/bench_center.c \
	tests/bench/bench_center.h \
	tests/bench/bench_packing.c \
	tests/bench/bench_packing.h \
	tests/bench/bench_placement.c \
	tests/bench/bench_workload.c \
	tests/bench/bench_workload.h
tests_bench_bench_placement_LDADD = $(POLICYD_LIBS)
EXTRA_DIST += tests/bench/placement.sh
check_PROGRAMS += tests/bench/bench_hail tests/bench/iallocator
tests_bench_bench_hail_SOURCES = \
	tests/bench/bench_hail.c \
	tests/bench/bench_workload.c \
	tests/bench/bench_workload.h
tests_bench_bench_hail_LDADD = $(POLICYD_LIBS)
tests_bench_iallocator_SOURCES = tests/bench/iallocator.c
tests_bench_iallocator_LDADD = $(POLICYD_LIBS)
EXTRA_DIST += tests/bench/hail.sh
check_PROGRAMS += tests/bench/bench_rebalance
tests_bench_bench_rebalance_SOURCES = tests/bench/bench_rebalance.c
tests_bench_bench_rebalance_LDADD = $(POLICYD_LIBS)
EXTRA_DIST += tests/bench/rebalance.sh
check_PROGRAMS += tests/bench/bench_kv
tests_bench_bench_kv_SOURCES = tests/bench/bench_kv.c
tests_bench_bench_kv_LDADD = $(POLICYD_LIBS)
EXTRA_DIST += tests/bench/kv.sh
EXTRA_DIST += tests/bench/migrate.sh
check_PROGRAMS += tests/bench/bench_policyd
tests_bench_bench_policyd_SOURCES = \
	tests/bench/bench_policyd.c \
	tests/bench/bench_policyd.h \
	tests/bench/bench_policyd_api.c \
	tests/bench/bench_policyd_client.c \
	tests/bench/bench_policyd_hosts.c
tests_bench_bench_policyd_LDADD = $(POLICYD_LIBS)
EXTRA_DIST += tests/bench/policyd.sh
# Against Xen's own library, on a stand-in for Xen.
BENCH_CHAN = \
	tests/bench/bench_chan.c \
	tests/bench/bench_chan.h \
	tests/bench/bench_chan_own.c \
	tests/bench/bench_chan_vchan.c
BENCH_CHAN_BED = \
	tests/bench/bench_chan.h \
	tests/bench/bench_chan_bed.c \
	tests/bench/bench_chan_own.c \
	tests/bench/bench_chan_vchan.c
if HAVE_XENVCHAN
check_PROGRAMS += tests/bench/bench_chan
tests_bench_bench_chan_SOURCES = $(BENCH_CHAN) \
	tests/unit/chan/standin.c tests/unit/chan/standin.h
tests_bench_bench_chan_LDADD = libvdc/chan/libchan.a \
	libvdc/base/libbase.a $(XENVCHAN_LIBS) -lpthread
# For two domains: with Xen's libraries, for a guest's initramfs.
if !SANITIZE
check_PROGRAMS += tests/bench/bench_chan_bed
tests_bench_bench_chan_bed_SOURCES = $(BENCH_CHAN_BED)
tests_bench_bench_chan_bed_LDFLAGS = -static -Wl,--wrap=xenevtchn_notify
tests_bench_bench_chan_bed_LDADD = libvdc/chan/libvdc-chan.a \
	$(XENVCHAN_LIBS) -lxengnttab -lxenevtchn -lxenstore -lxentoolcore \
	-lxentoollog
endif
endif
EXTRA_DIST += $(BENCH_CHAN) $(BENCH_CHAN_BED) tests/bench/channels.sh \
	tests/bench/channels-bed.sh
EXTRA_DIST += tests/bench/resourced.sh tests/bench/store.sh
