/*
 * The steps that operations are made of; each kind in its step_*.c, and which
 * operation has which steps in operation.c.
 */
#ifndef RESOURCED_STEP_H
#define RESOURCED_STEP_H

#include "resourced/transaction.h"

struct step {
    const char *name;  /* for traces: "disk-attach" */
    const char *doing; /* "attaching the disk" */
    /*
     * Adds every reason why it cannot be done; touches nothing.  Looks at
     * op->row, the partition as the steps before it leave it.  May be NULL.
     */
    void (*check)(struct operation *op, struct reasons *reasons);
    /* After a check without a reason: changes op->row to what it will be when
     * the step is done.  May be NULL. */
    void (*record)(struct operation *op);
    /* What would be done, for a dry run; false: nothing (not shown).  NULL:
     * `doing` is the text. */
    bool (*plan)(const struct operation *op, char *buf, size_t size);
    /* STEP_DONE, STEP_LATER (then transaction_step_ended is called once from
     * the loop), or an error: it left nothing behind (but see `halves`).
     * NULL: the commit does it. */
    int (*apply)(struct operation *op, struct vdc_error *err);
    /*
     * Makes Xen be as op->partition->row says, as far as this step has to do
     * with it; answers as apply.  Also called for a step that was never
     * applied, or half, by a process that crashed: then op->domid and such
     * are not known.  A domain that is not there is no error.  NULL: nothing
     * to undo.
     */
    int (*undo)(struct operation *op, struct vdc_error *err);
    /* It answered STEP_LATER, and is asked to come to an end soon, as the
     * transaction is to be undone (t->stop).  It may end with that error.
     * NULL: it is waited for. */
    void (*cancel)(struct operation *op);
    /* After an error of apply it is undone as well, as it may have done a
     * part; else, see apply. */
    bool halves;
    bool final; /* cannot be undone; comes after all that can */
};

/* Adds a reason when another partition, or a domain of Xen that is not this
 * partition's, has one of the names or its uuid. */
void step_check_names(struct operation *op, const char *name,
                      const char *xen_name, struct reasons *reasons);
/* Adds VDC_E_WRONG_STATE when its domain is not there, or is kept dead for
 * inspection; true when all is well. */
bool step_check_runs(struct operation *op, struct reasons *reasons);
/* Adds a reason for each pool of its definition that the host has not, or of
 * which others have too much (step_pool.c). */
void step_check_pools(struct operation *op, struct reasons *reasons);
/* Adds a reason for each disk of its definition whose name is none or is there
 * twice (step_disk.c). */
void step_check_disk_names(struct operation *op, struct reasons *reasons);
/* The same for each disk that a running guest has, when one of the two would
 * write to it (step_disk.c); for each address of an interface that another
 * has (step_nic.c); and for each PCI device that another has or the host has
 * not: they get their full addresses (step_pci.c). */
void step_check_disks(struct operation *op, struct reasons *reasons);
void step_check_nics(struct operation *op, struct reasons *reasons);
void step_check_pci(struct operation *op, struct reasons *reasons);

/*
 * Ends every domain of the partition's uuid but that of op->partition->row,
 * dying ones included (whoever began that may have been killed half-way, and
 * Xen waits to be asked again): for undo after a crash.  Answers as apply.
 */
int step_end_domains(struct operation *op, struct vdc_error *err);

extern const struct step step_define;       /* step_row.c */
extern const struct step step_rename;       /* step_row.c */
extern const struct step step_forget;       /* step_row.c; final */
extern const struct step step_find_room;    /* step_memory.c */
extern const struct step step_build;        /* step_build.c; or restore */
extern const struct step step_publish;      /* step_build.c */
extern const struct step step_unpause_new;  /* step_build.c */
extern const struct step step_run_on;       /* step_build.c; final */
extern const struct step step_ask_shutdown; /* step_end.c */
extern const struct step step_ask_reboot;   /* step_end.c */
extern const struct step step_core_dump;    /* step_end.c */
extern const struct step step_end_domain;   /* step_end.c; final, except in a
                                               RESTART, which goes forward
                                               from the journal on */
extern const struct step step_pause;        /* step_pause.c */
extern const struct step step_unpause;      /* step_pause.c */
extern const struct step step_memory_set;   /* step_balloon.c */
extern const struct step step_memory_max;   /* step_balloon.c */
extern const struct step step_vcpus;        /* step_vcpu.c */
extern const struct step step_pin;          /* step_vcpu.c */
extern const struct step step_sched;        /* step_sched.c */
extern const struct step step_disk_attach;  /* step_disk.c */
extern const struct step step_disk_detach;  /* step_disk.c */
extern const struct step step_nic_attach;   /* step_nic.c */
extern const struct step step_nic_detach;   /* step_nic.c */
extern const struct step step_pci_attach;   /* step_pci.c */
extern const struct step step_pci_detach;   /* step_pci.c */
extern const struct step step_save;         /* step_save.c */
extern const struct step step_replace_save; /* step_save.c; final */
extern const struct step step_drop_file;    /* step_restore.c; final */
extern const struct step step_pool_set;     /* step_pool.c */
extern const struct step step_receive;      /* step_receive.c */
extern const struct step step_await;        /* step_receive.c */
extern const struct step step_take_over;    /* step_receive.c; final */
extern const struct step step_send;         /* step_send.c */
extern const struct step step_release;      /* step_send.c; final */

#endif
