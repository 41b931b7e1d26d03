# The rules that a program can check, as tests.
dist_check_SCRIPTS += build-aux/check-layers build-aux/check-tree
TESTS += build-aux/check-layers build-aux/check-tree
EXTRA_DIST += build-aux/layers.txt
if WITH_XEN
CHECK_XEN = yes
else
CHECK_XEN = no
endif
if HAVE_CUNIT
CHECK_CUNIT = yes
else
CHECK_CUNIT = no
endif
AM_TESTS_ENVIRONMENT += \
	CC='$(CC)'; export CC; \
	CHECK_CFLAGS='-I$(srcdir)/libvdc -I$(srcdir) -I$(builddir) \
		-include config.h -D_GNU_SOURCE -std=gnu11 $(LIBEVENT_CFLAGS) \
		$(YAJL_CFLAGS) $(SQLITE_CFLAGS) $(SMARTCOLS_CFLAGS) \
		$(CUNIT_CFLAGS) $(XEN_CFLAGS)'; export CHECK_CFLAGS; \
	WITH_XEN='$(CHECK_XEN)'; export WITH_XEN; \
	HAVE_CUNIT='$(CHECK_CUNIT)'; export HAVE_CUNIT;
