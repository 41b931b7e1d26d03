# libvdc/files: the files of guests, on their host.
noinst_LIBRARIES += libvdc/files/libfiles.a
libvdc_files_libfiles_a_SOURCES = \
	libvdc/files/files.c \
	libvdc/files/files.h
FILES_LIBS = libvdc/files/libfiles.a
