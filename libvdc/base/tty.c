/*
 * Ttys.
 */
#include "base/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

int tty_open_raw(const char *path, int *ret, struct vdc_error *err)
{
    struct termios raw;
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return vdc_error_errno(err, VDC_E_IO, errno, "console %s", path);
    if (tcgetattr(fd, &raw) != 0) {
        close(fd);
        return vdc_error_set(err, VDC_E_IO, "console %s is not a tty", path);
    }
    cfmakeraw(&raw);
    tcsetattr(fd, TCSANOW, &raw);
    *ret = fd;
    return 0;
}
