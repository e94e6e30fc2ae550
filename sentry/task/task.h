/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks (guest threads), thread groups (processes), process groups, sessions.
 *
 * One sentry thread runs one task: task_run() switches to the guest, and on each return handles the
 * system call, fault or signal in straight-line code. Locks: [T] kernel.tasks (RANK_TASKS rwlock),
 * [S] group->sighand.mu (RANK_SIGHAND), [k] task->mu (RANK_TASK), [o] only the task's own thread,
 * [I] set at creation.
 */
#pragma once

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "core/errno.h"
#include "core/mutex.h"
#include "core/ref.h"
#include "core/wait.h"
#include "mm/mm.h"
#include "platform/platform.h"
#include "task/cred.h"
#include "task/uname.h"
#include "util/list.h"
#include "vfs/fdtable.h"
#include "vfs/file.h"

struct kernel;
struct netns;
struct pidns;
struct sighand;
struct task;
struct task_timers;
struct user_acct;

/* A system call's arguments, copied once from the registers. */
struct sysargs {
	uint64_t nr;
	uint64_t a[6];
};

/* cwd, root and umask; shared by CLONE_FS. */
struct fs_ctx {
	struct ref ref;
	struct mutex mu;       /* RANK_FS_CTX */
	struct path root, cwd; /* [mu] */
	uint32_t umask;	       /* [mu] */
};
int fs_ctx_new(struct fs_ctx **ret, const struct path *root, const struct path *cwd,
	       uint32_t umask);
int fs_ctx_copy(struct fs_ctx **ret, struct fs_ctx *from);
void fs_ctx_unref(struct fs_ctx *fs);

/* An address in guest memory is uint64_t everywhere. */

/* Bytes of memory that the sandbox believes to have (sysinfo, /proc/meminfo). */
uint64_t system_total_memory(const struct kernel *k);

#define NSIG_GUEST 64
typedef uint64_t sigset64; /* bit n-1: signal n */
#define SIGBIT(sig) (UINT64_C(1) << ((sig)-1))

struct ksigaction {
	uint64_t handler, flags, restorer;
	sigset64 mask;
};

struct session {
	struct ref ref;
	int32_t sid;
	uint32_t n_pgroups; /* [T] that have members */
	struct tty *tty;    /* [T] controlling terminal */
};

struct pgroup {
	struct ref ref;
	int32_t pgid;
	struct session *session; /* [I] reference */
	struct list members;	 /* [T] tgroup.pgrp_link */
};

/* What getrusage(2) and times(2) report. */
struct cpu_usage {
	int64_t utime_ns, stime_ns;
	uint64_t maxrss_kb;
	uint64_t minflt, majflt, nvcsw, nivcsw;
};

/* Signals that wait for delivery, oldest first. */
struct sigpending {
	sigset64 set;
	struct list queue; /* struct sigqueue */
};

/* A process. */
struct tgroup {
	struct ref ref;
	int32_t pid;	       /* [I] = leader's tid */
	struct task *leader;   /* [T] */
	struct list tasks;     /* task.group_link; written under [T] and [S], read under either */
	uint32_t n_tasks;      /* [T] live (not yet exited) tasks */
	struct tgroup *parent; /* [T] */
	struct list children;  /* [T] child.sibling_link */
	struct list sibling_link;
	struct pgroup *pgrp; /* [T] reference */
	struct list pgrp_link;
	struct list kernel_link;  /* [T] all processes, kernel->groups */
	struct sighand *sighand;  /* [I] actions, pending signals, queues; task/signal.c owns it */
	struct waitq child_waitq; /* wait4 sleeps here; also pidfd pollers */
	int exit_signal;	  /* [T] what the parent gets */
	int exit_status;	  /* [T] wait(2) encoding, when exiting */
	bool group_exiting;	  /* [S] exit_group or fatal signal under way */
	bool zombie;		  /* [T] all tasks exited, not reaped */
	bool did_exec;		  /* [T] setpgid(2) EACCES */
	bool child_subreaper;	  /* [T] */
	_Atomic int dumpable;
	struct mutex limits_mu;		    /* RANK_LEAF */
	struct rlimit limits[RLIM_NLIMITS]; /* [limits_mu] */
	int64_t start_time_ns;		    /* [I] CLOCK_MONOTONIC */
	struct cpu_usage dead_usage;	    /* [T] of exited tasks */
	struct cpu_usage children_usage;    /* [T] of reaped children */
	_Atomic int oom_score_adj;
	struct task_timers *timers; /* [I] interval and POSIX timers: task/timers.h */
	struct task *exec_task;	    /* [S] the thread whose execve waits for its siblings' end */
	_Atomic bool thp_disabled;  /* prctl(2) */
	bool container_exec; /* started by CONTROL_EXEC: nobody in the sandbox waits for it */
};

enum task_state { TASK_RUNNING, TASK_SLEEPING, TASK_STOPPED, TASK_ZOMBIE, TASK_DEAD };

struct task {
	struct ref ref;
	int32_t tid;		/* [I] */
	struct tgroup *group;	/* [I] reference */
	struct list group_link; /* [T] in group->tasks */
	struct kernel *kernel;	/* [I] */
	struct mutex mu;	/* RANK_TASK */

	struct mm *mm;		 /* [o] reference; others read under [k] and take a reference */
	struct fdtable *files;	 /* likewise */
	struct fs_ctx *fs;	 /* likewise */
	const struct cred *cred; /* likewise */
	struct netns *net;	 /* [I] reference */

	struct plat_thread *plat; /* [o] */
	struct guest_regs regs;	  /* [o] */
	bool regs_full;		  /* [o] regs changed beyond rax: plat_switch(full) */
	struct plat_event event;  /* [o] */

	struct wait_word wait;	  /* any thread wakes */
	_Atomic uint32_t state;	  /* enum task_state, for /proc */
	_Atomic bool sig_pending; /* hint: something in task/signal.c wants attention */

	sigset64 sigmask;	/* [S] written by the owner only */
	sigset64 saved_sigmask; /* [o] to restore after sigsuspend/ppoll when restore_sigmask */
	bool restore_sigmask;	/* [o] */
	struct {
		uint64_t sp, size;
		int flags;
	} altstack;		   /* [o] */
	sigset64 wait_set;	   /* [S] what sigtimedwait(2) waits for: not blocked meanwhile */
	struct sigpending pending; /* [S] signals sent to this thread */
	bool killed;		   /* [S] must exit: group exit, or a sibling's execve */
	bool stop_pending;	   /* [S] must take part in a group stop */
	bool stopped;		   /* [S] sleeps in a group stop */

	/* restart_syscall(2): what ERESTART_RESTARTBLOCK re-runs. */
	long (*restart_fn)(struct task *t);
	uint64_t restart_arg[4];

	uint64_t clear_child_tid; /* [o] */
	uint64_t robust_list;	  /* [o] */
	char comm[16];		  /* [k] */
	_Atomic int pdeath_signal;
	bool exiting;		   /* [S] on its way out: takes no signals */
	bool must_exit;		   /* [o] do not go back to the guest */
	int exit_status;	   /* [o] wait(2) encoding, with must_exit */
	struct task *vfork_waiter; /* [k] reference: the parent that sleeps in vfork(2) */
	_Atomic bool vfork_done;
	int64_t start_time_ns; /* [I] CLOCK_MONOTONIC */
	void *trace;	       /* strace's per-call state */
	int restart;	       /* [o] ERESTART* of the call that just ended, or 0 */
	struct {
		uint64_t cr2, err, trapno; /* [o] of the last fault, for sigcontext */
	} fault;
	_Atomic uint64_t minflt, nvcsw;
	_Atomic int64_t stub_cpu_ns; /* CPU time of stub threads that are gone (exec, exit) */
	_Atomic int cpu_clock;	     /* clockid_t of the sentry thread; 0: it has not started */
	int64_t cpu_base_ns;	     /* what that clock said when the task started; set before it */
	_Atomic int nice, sched_policy, sched_priority, ioprio;
	_Atomic bool sched_reset_on_fork;
	uint64_t cpu_mask[16];	 /* [k] */
	uint32_t personality;	 /* [o] */
	uint64_t timer_slack_ns; /* [o] */
	struct user_acct *user;	 /* [o] reference: whose RLIMIT_NPROC this task counts against */
};

/* Signals: implemented in task/signal.c. */
struct ksiginfo {
	int signo, code, err;
	int32_t pid;
	uint32_t uid;
	uint64_t addr; /* faults; also si_value (sigval) for queued signals */
	uint64_t value;
	int status; /* SIGCHLD */
	int64_t utime, stime;
	int timer_id, overrun, band, fd;
	uint32_t trapno;
	bool outside; /* from the operator: SIGKILL and SIGSTOP reach even init */
};
int signal_send_task(struct task *t, const struct ksiginfo *info);    /* tgkill: thread-directed */
int signal_send_group(struct tgroup *g, const struct ksiginfo *info); /* kill: process-directed */
int signal_send_pgrp(struct pgroup *p, const struct ksiginfo *info);
/* To the process group of @g; takes the tasks lock itself. */
int signal_send_job(struct tgroup *g, const struct ksiginfo *info);
/* From the kernel to the calling thread. SIGSEGV SIGBUS SIGFPE SIGILL SIGTRAP SIGSYS and SIGKILL
 * cannot be ignored or blocked: they reset the action then. Others (SIGPIPE, SIGXFSZ) are as
 * tgkill(2). */
void signal_force(struct task *t, const struct ksiginfo *info);
/* SIGPIPE as write(2) raises it: SI_USER from the task itself. */
void signal_self(struct task *t, int signo);
static inline bool signal_pending(const struct task *t)
{
	return atomic_load_explicit(&t->sig_pending, memory_order_acquire);
}
bool signal_fatal_pending(struct task *t); /* the group is being killed */
bool signal_pending_slow(
	struct task *t); /* exact: an unblocked, un-ignored signal or a kill/stop */
void signal_set_mask(struct task *t, sigset64 mask);
/* For ppoll, pselect6, epoll_pwait, sigsuspend: installs @mask until the call returns to the guest.
 */
void signal_set_temp_mask(struct task *t, sigset64 mask);
/* signalfd and sigtimedwait: takes one pending signal in @mask. 0 or -EAGAIN. */
int signal_dequeue(struct task *t, sigset64 mask, struct ksiginfo *ret);
/* Whether a signal of @mask is pending for @t or its process, blocked or not. */
bool signal_pending_in(struct task *t, sigset64 mask);
struct waitq *signal_waitq(struct task *t); /* woken when a signal is queued: signalfd polls it */

static inline uint64_t task_rlimit(struct task *t, int resource)
{
	mutex_lock(&t->group->limits_mu);
	uint64_t v = t->group->limits[resource].rlim_cur;
	mutex_unlock(&t->group->limits_mu);
	return v;
}

/* The task whose thread this is, or NULL on the sentry's own threads. Set once, by task_run(). Only
 * for code that a destructor reaches (SO_LINGER at close): everything else is given its task. */
extern _Thread_local struct task *task_current_;
static inline struct task *task_current(void)
{
	return task_current_;
}

/* Short forms of the guest memory calls on the calling task's own mm. */
static inline int copy_in(struct task *t, void *dst, uint64_t src, size_t len)
{
	return mm_copy_in(t->mm, dst, src, len);
}
static inline int copy_out(struct task *t, uint64_t dst, const void *src, size_t len)
{
	return mm_copy_out(t->mm, dst, src, len);
}
static inline bool task_has_cap(struct task *t, int cap)
{
	return cred_has_cap(t->cred, cap);
}

/* Creation and life (task/clone.c, exec.c, exit.c). */
struct exec_args {
	const char *const *argv;
	const char *const *envp;
};
/* Replaces @t's image. @file: the opened program; @path: AT_EXECFN and comm. On success t->regs are
 * those of the new program. On -errno before the point of no return nothing has changed. */
int task_exec(struct task *t, struct file *file, const char *path, const struct exec_args *args);
/* First process of a container or an exec: not yet started; task_start() runs it. */
struct task_config {
	struct fdtable *files;	 /* taken */
	struct fs_ctx *fs;	 /* taken */
	const struct cred *cred; /* taken */
	struct netns *net;
	const struct rlimit *limits; /* RLIM_NLIMITS entries */
	struct tgroup *parent;	     /* NULL: none (init) */
	bool new_session;
	bool container_exec; /* not init: reaped by itself, the status goes to exit_waitq */
	int oom_score_adj;
};
int task_new_init(struct task **ret, struct kernel *k, const struct task_config *cfg);
/* Starts the thread of a task. The caller keeps its reference, which task_new_init() gave it. */
int task_start(struct task *t);
/* Takes apart a task of task_new_init() that was not started; takes the reference. */
void task_abandon(struct task *t);
/* Body of the sentry thread of a task. */
void task_run(struct task *t);
struct task *task_find(struct kernel *k, int32_t tid);	   /* new reference or NULL */
struct tgroup *tgroup_find(struct kernel *k, int32_t pid); /* new reference or NULL */
/* The processes there are, at most @max of them, each with a reference. Returns how many. */
size_t tgroups_get(struct kernel *k, struct tgroup **ret, size_t max);
static inline struct task *task_get(struct task *t)
{
	ref_get(&t->ref);
	return t;
}
void task_put(struct task *t);
void tgroup_put(struct tgroup *g);
/* Kills every process of the sandbox (init exited, CONTROL_SIGNAL all). */
void tasks_kill_all(struct kernel *k, int signo);
/* SIGKILL to the processes that run in the address space @mm (compared only, not used). */
void tasks_kill_mm(struct kernel *k, const void *mm);
/* Ids for procfs and strace, as the guest sees them. 0 when there is none. Take the tasks lock. */
int32_t tgroup_ppid(struct tgroup *g);
int32_t tgroup_pgid(struct tgroup *g);
int32_t tgroup_sid(struct tgroup *g);
/* The letter of /proc/PID/stat: R S D T Z X. */
char task_state_char(struct task *t);
/* One reader's copy of a task's references, each put by the caller; NULL when the task has exited.
 */
struct mm *task_get_mm(struct task *t);		  /* mm_unref() */
struct fdtable *task_get_files(struct task *t);	  /* fdtable_unref() */
struct fs_ctx *task_get_fs(struct task *t);	  /* fs_ctx_unref() */
const struct cred *task_get_cred(struct task *t); /* cred_put(); never NULL */
void task_get_comm(struct task *t, char comm[16]);
void task_set_comm(struct task *t, const char *comm);
/* For procfs' status: signals pending on the thread and the group, blocked, ignored, caught. */
struct signal_sets {
	sigset64 pending, shared, blocked, ignored, caught;
	uint32_t queued;
};
void signal_get_sets(struct task *t, struct signal_sets *ret);
/* CPU time of a task or group so far, ns: guest mode and sentry. */
int64_t task_cpu_ns(struct task *t);
int64_t tgroup_cpu_ns(struct tgroup *g);
void task_cpu_split(struct task *t, int64_t *user_ns, int64_t *system_ns);
void tgroup_cpu_split(struct tgroup *g, int64_t *user_ns, int64_t *system_ns);
