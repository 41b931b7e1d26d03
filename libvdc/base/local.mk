# libvdc/base: the leaf that everything else stands on.
noinst_LIBRARIES += libvdc/base/libbase.a
libvdc_base_libbase_a_SOURCES = \
	libvdc/base/acceptor.c \
	libvdc/base/acceptor.h \
	libvdc/base/arena.c \
	libvdc/base/arena.h \
	libvdc/base/base64.c \
	libvdc/base/base64.h \
	libvdc/base/cfg.c \
	libvdc/base/cfg.h \
	libvdc/base/cfg_disk.c \
	libvdc/base/cfg_impl.h \
	libvdc/base/cfg_lex.c \
	libvdc/base/cfg_lex.h \
	libvdc/base/cfg_plain.c \
	libvdc/base/clock.c \
	libvdc/base/clock.h \
	libvdc/base/cpu.c \
	libvdc/base/cpu.h \
	libvdc/base/cpu_features.def \
	libvdc/base/daemon.c \
	libvdc/base/daemon.h \
	libvdc/base/error.c \
	libvdc/base/error.h \
	libvdc/base/errors.def \
	libvdc/base/image_ref.c \
	libvdc/base/image_ref.h \
	libvdc/base/json.c \
	libvdc/base/json.h \
	libvdc/base/log.c \
	libvdc/base/log.h \
	libvdc/base/machine.c \
	libvdc/base/machine.h \
	libvdc/base/metrics.c \
	libvdc/base/metrics.h \
	libvdc/base/metrics_process.c \
	libvdc/base/metrics_server.c \
	libvdc/base/metrics_server.h \
	libvdc/base/reasons.c \
	libvdc/base/reasons.h \
	libvdc/base/savefile.c \
	libvdc/base/savefile.h \
	libvdc/base/settings.c \
	libvdc/base/settings.h \
	libvdc/base/settings_print.c \
	libvdc/base/sha256.c \
	libvdc/base/sha256.h \
	libvdc/base/stream.c \
	libvdc/base/stream.h \
	libvdc/base/stream_blocking.c \
	libvdc/base/stream_impl.h \
	libvdc/base/stream_listen.c \
	libvdc/base/suggest.c \
	libvdc/base/suggest.h \
	libvdc/base/tcp.c \
	libvdc/base/tcp.h \
	libvdc/base/tls.c \
	libvdc/base/tls.h \
	libvdc/base/tls_handshake.c \
	libvdc/base/tls_impl.h \
	libvdc/base/tls_issue.c \
	libvdc/base/tls_issue.h \
	libvdc/base/textfile.c \
	libvdc/base/textfile.h \
	libvdc/base/tty.c \
	libvdc/base/tty.h \
	libvdc/base/units.c \
	libvdc/base/units.h \
	libvdc/base/uuid.c \
	libvdc/base/utf8.h \
	libvdc/base/uuid.h \
	libvdc/base/words.c \
	libvdc/base/words.h
if WITH_XEN
libvdc_base_libbase_a_SOURCES += libvdc/base/cfg_xlu.c
endif
libvdc_base_libbase_a_CFLAGS = $(AM_CFLAGS) $(XEN_CFLAGS)
# What a program that uses base links with.
BASE_LIBS = libvdc/base/libbase.a $(LIBEVENT_LIBS) $(YAJL_LIBS)
if WITH_XEN
BASE_LIBS += $(XEN_LIBS)
endif
