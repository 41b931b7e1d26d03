# Files of libvdc/hv: the interface and its implementations.
noinst_LIBRARIES += libvdc/hv/libhv.a
libvdc_hv_libhv_a_SOURCES = \
	libvdc/hv/hv.c \
	libvdc/hv/hv.h
libvdc_hv_libhv_a_CFLAGS = $(AM_CFLAGS) $(XEN_CFLAGS)
include libvdc/hv/sim/local.mk
# What a program that uses hv links with, before BASE_LIBS.
HV_LIBS = libvdc/hv/libhv.a
