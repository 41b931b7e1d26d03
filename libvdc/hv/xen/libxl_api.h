/* libxl with the API that we are written for: 4.17 knows it as 4.14's, the
 * last that was given a number. */
#ifndef VDC_HV_XEN_LIBXL_API_H
#define VDC_HV_XEN_LIBXL_API_H

#define LIBXL_API_VERSION 0x041400

#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>

#endif
