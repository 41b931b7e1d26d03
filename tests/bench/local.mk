# tests/bench: built with the tests, run by ./quickstart bench.
if HAVE_CUNIT
check_PROGRAMS += tests/bench/bench_resourced
tests_bench_bench_resourced_SOURCES = tests/bench/bench_resourced.c \
	$(RD_SOURCES)
tests_bench_bench_resourced_LDADD = $(RD_LIBS)
endif
EXTRA_DIST += tests/bench/resourced.sh
