# policyd: customers, quotas, placement, and the resource service of its host.
noinst_LIBRARIES += policyd/libpolicyd.a
policyd_libpolicyd_a_SOURCES = \
	policyd/book.c \
	policyd/book.h \
	policyd/files.c \
	policyd/files.h \
	policyd/names.c \
	policyd/names.h \
	policyd/placement.c \
	policyd/placement.h \
	policyd/policy.c \
	policyd/policy.h \
	policyd/quota.c \
	policyd/quota.h \
	policyd/store.h \
	policyd/store_sqlite.c
POLICYD_LIBS = policyd/libpolicyd.a libvdc/chan/libchan.a $(WIRE_LIBS) \
	$(BASE_LIBS) $(SQLITE_LIBS)
