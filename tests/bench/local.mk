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
	tests/bench/bench_placement.c \
	tests/bench/bench_workload.c \
	tests/bench/bench_workload.h
tests_bench_bench_placement_LDADD = $(POLICYD_LIBS)
EXTRA_DIST += tests/bench/placement.sh tests/bench/resourced.sh \
	tests/bench/store.sh
