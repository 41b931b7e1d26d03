/*
 * automationd: carries out what scripts in dom0, and guests about themselves,
 * ask for in xenstore.  It decides nothing: xl-vdc asks policyd for them.
 */
#include <stdio.h>
#include <unistd.h>

#include "automation/guest.h"
#include "automation/request.h"
#include "base/daemon.h"
#include "base/log.h"

#define FOLDER "/tool/xen-vdc/automation"

static struct setup setup;
static const char *hv_option;

static struct hv *hv;
static struct jobs *jobs;
static struct requests *requests;
static struct guests *guests;

static void stop(void)
{
    requests_free(requests);
    guests_free(guests);
    jobs_free(jobs);
    if (hv)
        hv->store->remove(hv, FOLDER, NULL);
    hv_close(hv);
    requests = NULL;
    guests = NULL;
    jobs = NULL;
    hv = NULL;
}

static int publish(struct vdc_error *err)
{
    char pid[24];
    int rc = hv->store->write(hv, FOLDER "/version", PACKAGE_VERSION, err);

    snprintf(pid, sizeof(pid), "%ld", (long)getpid());
    return rc ? rc : hv->store->write(hv, FOLDER "/pid", pid, err);
}

static int start(struct event_base *base, struct arena *arena,
                 struct vdc_error *err)
{
    if (hv_option)
        setup.hypervisor = hv_option;
    if (access(setup.xl_vdc, X_OK) != 0) {
        vdc_error_set(err, VDC_E_BAD_CONFIG, "xl_vdc: %s cannot be run",
                      setup.xl_vdc);
        return VDC_E_BAD_CONFIG;
    }
    int rc = hv_open(setup.hypervisor, base, &hv, err);
    if (rc)
        return rc;
    jobs = jobs_new(base, &setup);
    rc = requests_new(base, hv, &setup, jobs, &requests, err);
    if (!rc)
        rc = guests_new(base, hv, &setup, jobs, &guests, err);
    if (!rc)
        rc = publish(err);
    if (rc)
        stop();
    else
        log_info("requests below /tool/xen-vdc/request are taken");
    return rc;
}

static const struct daemon_option options[] = {
    { "hv", "xen:beside|sim:beside=yes,OPTIONS",
      "the hypervisor, instead of the setting of that name", &hv_option },
};

int main(int argc, char **argv)
{
    const struct daemon daemon = {
        .name = "automationd",
        .text = "carries out what scripts and guests ask for in xenstore",
        .config_path = SYSCONFDIR "/xen-vdc/automation.conf",
        .settings = setup_rows,
        .n_settings = setup_n_rows,
        .settings_base = &setup,
        .options = options,
        .n_options = sizeof(options) / sizeof(options[0]),
        .start = start,
        .stop = stop,
    };

    return daemon_main(&daemon, argc, argv);
}
