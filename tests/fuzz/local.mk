# tests/fuzz: libFuzzer targets, built with --enable-fuzz and clang, and the
# programs that write their seeds.
EXTRA_PROGRAMS = tests/fuzz/seed_wire
tests_fuzz_seed_wire_SOURCES = tests/fuzz/seed_wire.c tests/unit/wire/fill.c
tests_fuzz_seed_wire_LDADD = $(WIRE_LIBS) $(BASE_LIBS)

if FUZZ
noinst_PROGRAMS += tests/fuzz/fuzz_wire tests/fuzz/seed_wire \
	tests/fuzz/fuzz_config tests/fuzz/fuzz_mux tests/fuzz/fuzz_store \
	tests/fuzz/fuzz_etcd
tests_fuzz_fuzz_wire_SOURCES = tests/fuzz/fuzz_wire.c
tests_fuzz_fuzz_wire_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_wire_LDADD = $(WIRE_LIBS) $(BASE_LIBS)
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_config_LDADD = $(XLEXT_LIBS)
tests_fuzz_fuzz_mux_SOURCES = tests/fuzz/fuzz_mux.c
tests_fuzz_fuzz_mux_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_mux_LDADD = libvdc/chan/libchan.a $(BASE_LIBS)
tests_fuzz_fuzz_store_SOURCES = \
	tests/fuzz/fuzz_store.c tests/unit/resourced/store_fixture.c \
	tests/unit/resourced/store_fixture.h
tests_fuzz_fuzz_store_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_store_LDADD = $(STORE_LIBS)
tests_fuzz_fuzz_etcd_SOURCES = tests/fuzz/fuzz_etcd.c
tests_fuzz_fuzz_etcd_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_etcd_LDADD = $(POLICYD_LIBS)
endif

# An enemy at the other end of a channel, for as long as is asked; as the rest
# is built, and with sanitizers.
ATTACK_RING = tests/fuzz/attack_ring.c tests/unit/chan/ring_pair.c \
	tests/unit/chan/ring_pair.h
ATTACKED = libvdc/chan/ring.c libvdc/chan/ring_copy.c \
	libvdc/base/error.c
check_PROGRAMS += tests/fuzz/attack_ring
TESTS += tests/fuzz/attack_ring
tests_fuzz_attack_ring_SOURCES = $(ATTACK_RING)
tests_fuzz_attack_ring_LDADD = libvdc/chan/libchan.a $(BASE_LIBS) -lpthread
if HAVE_ASAN
check_PROGRAMS += tests/fuzz/attack_ring_asan
TESTS += tests/fuzz/attack_ring_asan
tests_fuzz_attack_ring_asan_SOURCES = $(ATTACK_RING) $(ATTACKED)
tests_fuzz_attack_ring_asan_CFLAGS = $(WARN_CFLAGS) -DVDC_ASAN \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
tests_fuzz_attack_ring_asan_LDFLAGS = -fsanitize=address,undefined
tests_fuzz_attack_ring_asan_LDADD = -lpthread
endif
if HAVE_TSAN
check_PROGRAMS += tests/fuzz/attack_ring_tsan
TESTS += tests/fuzz/attack_ring_tsan
tests_fuzz_attack_ring_tsan_SOURCES = $(ATTACK_RING) $(ATTACKED)
tests_fuzz_attack_ring_tsan_CFLAGS = $(WARN_CFLAGS) -DVDC_TSAN \
	-fsanitize=thread
tests_fuzz_attack_ring_tsan_LDFLAGS = -fsanitize=thread
tests_fuzz_attack_ring_tsan_LDADD = -lpthread
endif
EXTRA_DIST += tests/sim/long/ring.sh
