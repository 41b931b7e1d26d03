# tests/bench: what things cost; built by `make check`, run by hand.
check_PROGRAMS += tests/bench/bench_store
tests_bench_bench_store_SOURCES = \
	tests/bench/bench_store.c \
	tests/bench/bench_store.h \
	tests/bench/bench_store_log.c \
	tests/unit/resourced/store_fixture.c
tests_bench_bench_store_LDADD = $(STORE_LIBS)
EXTRA_DIST += tests/bench/store.sh
