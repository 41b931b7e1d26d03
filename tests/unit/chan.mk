# Unit tests of chan.
VCHAN_STANDIN = tests/unit/chan/standin.c tests/unit/chan/standin.h \
	tests/unit/chan/vchan_own.c tests/unit/chan/vchan_own.h
if HAVE_CUNIT
RING_TEST_LIBS = libvdc/chan/libchan.a $(BASE_LIBS) $(CUNIT_LIBS) -lpthread
RING_PAIR = tests/unit/chan/ring_pair.c tests/unit/chan/ring_pair.h
RING_WAIT = tests/unit/chan/ring_wait.c tests/unit/chan/ring_wait.h
CHAN_TESTS = \
	tests/unit/chan/test_ring \
	tests/unit/chan/test_ring_fields \
	tests/unit/chan/test_ring_other \
	tests/unit/chan/test_ring_reads \
	tests/unit/chan/test_ring_threads \
	tests/unit/chan/test_vchan \
	tests/unit/chan/test_vchan_reads
check_PROGRAMS += $(CHAN_TESTS)
TESTS += $(CHAN_TESTS)
tests_unit_chan_test_ring_SOURCES = tests/unit/chan/test_ring.c $(RING_PAIR)
tests_unit_chan_test_ring_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_chan_test_ring_LDADD = $(RING_TEST_LIBS)
tests_unit_chan_test_ring_fields_SOURCES = \
	tests/unit/chan/test_ring_fields.c $(RING_PAIR)
tests_unit_chan_test_ring_fields_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_chan_test_ring_fields_LDADD = $(RING_TEST_LIBS)
tests_unit_chan_test_ring_other_SOURCES = \
	tests/unit/chan/test_ring_other.c $(RING_PAIR) $(RING_WAIT)
tests_unit_chan_test_ring_other_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_chan_test_ring_other_LDADD = $(RING_TEST_LIBS)
tests_unit_chan_test_ring_reads_SOURCES = \
	tests/unit/chan/test_ring_reads.c tests/unit/chan/reads.h $(RING_PAIR)
tests_unit_chan_test_ring_reads_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_chan_test_ring_reads_LDADD = $(RING_TEST_LIBS)
tests_unit_chan_test_ring_threads_SOURCES = \
	tests/unit/chan/test_ring_threads.c $(RING_PAIR) $(RING_WAIT)
tests_unit_chan_test_ring_threads_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_chan_test_ring_threads_LDADD = $(RING_TEST_LIBS)
tests_unit_chan_test_vchan_SOURCES = tests/unit/chan/test_vchan.c $(RING_PAIR)
tests_unit_chan_test_vchan_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_chan_test_vchan_LDADD = $(RING_TEST_LIBS)
tests_unit_chan_test_vchan_reads_SOURCES = \
	tests/unit/chan/test_vchan_reads.c tests/unit/chan/reads.h $(RING_PAIR)
tests_unit_chan_test_vchan_reads_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_chan_test_vchan_reads_LDADD = $(RING_TEST_LIBS)

# Against Xen's own library, on a stand-in for Xen.
if HAVE_XENVCHAN
check_PROGRAMS += tests/unit/chan/test_vchan_xen
TESTS += tests/unit/chan/test_vchan_xen
tests_unit_chan_test_vchan_xen_SOURCES = \
	tests/unit/chan/test_vchan_xen.c $(VCHAN_STANDIN)
tests_unit_chan_test_vchan_xen_CFLAGS = $(AM_CFLAGS) $(CUNIT_CFLAGS)
tests_unit_chan_test_vchan_xen_LDADD = libvdc/chan/libchan.a \
	libvdc/base/libbase.a $(XENVCHAN_LIBS) $(CUNIT_LIBS) -lpthread
endif

# With ThreadSanitizer, which does not go together with the others: all that
# it needs is compiled for it.
if HAVE_TSAN
TSAN_CFLAGS = $(WARN_CFLAGS) -fsanitize=thread -DVDC_TSAN
RING_ALONE = libvdc/chan/ring.c libvdc/chan/ring_copy.c \
	libvdc/base/error.c
check_PROGRAMS += tests/unit/chan/test_ring_threads_tsan
TESTS += tests/unit/chan/test_ring_threads_tsan
tests_unit_chan_test_ring_threads_tsan_SOURCES = \
	tests/unit/chan/test_ring_threads.c $(RING_PAIR) $(RING_WAIT) \
	$(RING_ALONE)
tests_unit_chan_test_ring_threads_tsan_CFLAGS = $(TSAN_CFLAGS) \
	$(CUNIT_CFLAGS)
tests_unit_chan_test_ring_threads_tsan_LDFLAGS = -fsanitize=thread
tests_unit_chan_test_ring_threads_tsan_LDADD = $(CUNIT_LIBS) -lpthread
endif
endif
EXTRA_DIST += tests/unit/chan/other_end.py
EXTRA_DIST += $(VCHAN_STANDIN)
