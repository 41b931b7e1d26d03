# tests/fuzz: libFuzzer targets, built with --enable-fuzz and clang, and the
# programs that write their seeds.
EXTRA_PROGRAMS = tests/fuzz/seed_wire
tests_fuzz_seed_wire_SOURCES = tests/fuzz/seed_wire.c tests/unit/wire/fill.c
tests_fuzz_seed_wire_LDADD = $(WIRE_LIBS) $(BASE_LIBS)

if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_wire tests/fuzz/seed_wire \
	tests/fuzz/fuzz_config tests/fuzz/fuzz_store
tests_fuzz_fuzz_wire_SOURCES = tests/fuzz/fuzz_wire.c
tests_fuzz_fuzz_wire_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_wire_LDADD = $(WIRE_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_config_LDADD = $(XLEXT_LIBS)
tests_fuzz_fuzz_store_SOURCES = \
	tests/fuzz/fuzz_store.c tests/unit/resourced/store_fixture.c \
	tests/unit/resourced/store_fixture.h
tests_fuzz_fuzz_store_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_store_LDADD = $(STORE_LIBS)
endif
