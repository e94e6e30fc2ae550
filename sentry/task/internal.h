/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of task/ and the system calls of its families share and nobody else needs. */
#pragma once

#include "task/task.h"
#include "boot/kernel.h"

/* --- numbers (pid.c); everything under the tasks lock: look-ups shared, changes exclusive --- */

#define PID_MAX 32768

int pids_init(struct kernel *k); /* idempotent */
/* Reserves the next free number: nothing else has it until pid_bind_task() or pid_release(). */
int pid_alloc(struct kernel *k);
void pid_release(struct kernel *k, int32_t nr);
void pid_bind_task(struct kernel *k, int32_t nr, struct task *t);    /* NULL unbinds */
void pid_bind_group(struct kernel *k, int32_t nr, struct tgroup *g); /* NULL unbinds */
struct task *pid_task(struct kernel *k, int32_t nr);		     /* borrowed */
struct tgroup *pid_group(struct kernel *k, int32_t nr);		     /* borrowed */
struct pgroup *pid_pgroup(struct kernel *k, int32_t nr);
struct session *pid_session(struct kernel *k, int32_t nr);

/* Moves @g (which may be in none) to the group @pgid of @session, made when it does not exist. */
int pgroup_join(struct kernel *k, struct tgroup *g, int32_t pgid, struct session *session);
void pgroup_leave(struct kernel *k, struct tgroup *g);
int session_new(struct kernel *k, int32_t sid, struct session **ret);
void session_put(struct session *s);
void pgroup_put(struct pgroup *p);
/* Whether no member has a parent in another group of the same session; @ignored does not count. */
bool pgroup_orphaned(struct pgroup *p, const struct tgroup *ignored);
bool pgroup_has_stopped(struct pgroup *p);

/* --- per-user accounts (user.c): counters for RLIMIT_NPROC and RLIMIT_SIGPENDING --- */

struct user_acct {
	struct list link;
	uint32_t uid, refs;
	_Atomic uint32_t n_tasks, n_signals;
};
struct user_acct *user_get(uint32_t uid); /* NULL: no memory */
struct user_acct *user_ref(struct user_acct *u);
void user_put(struct user_acct *u);
/* Tasks of all users. */
int64_t users_n_tasks(void);

/* --- signals --- */

struct sigactions {
	struct ref ref;
	struct mutex mu; /* RANK_TASK; inside [S] */
	struct ksigaction a[NSIG_GUEST + 1];
};

struct sigqueue {
	struct list link;
	struct ksiginfo info;
	struct user_acct *acct; /* NULL: not counted */
	bool embedded;		/* in a POSIX timer: not freed */
};

/* The signal state of a thread group. */
struct sighand {
	struct mutex mu; /* [S] */
	struct sigactions
		*actions;	  /* [S] the pointer; the table has its own lock (CLONE_SIGHAND) */
	struct sigpending shared; /* [S] */
	struct waitq waitq;	  /* signalfd */
	/* Job control. */
	int stop_signo;	      /* [S] of the stop in progress or in effect */
	uint32_t stop_left;   /* [S] threads that have yet to stop */
	bool stopped;	      /* [S] every thread has stopped */
	bool stop_unreported; /* [S] for waitid(WSTOPPED) */
	bool cont_unreported; /* [S] for waitid(WCONTINUED) */
	bool stop_valid;      /* [S] no SIGCONT came since the stop signal was dequeued */
	int notify_parent; /* [S] CLD_STOPPED or CLD_CONTINUED that a thread has yet to announce */
	bool unkillable;   /* [S] init: default actions do nothing */
};

#define SIG_DFL_GUEST 0
#define SIG_IGN_GUEST 1
#define SA_NOCLDSTOP_G 1u
#define SA_NOCLDWAIT_G 2u
#define SA_SIGINFO_G 4u
#define SA_RESTORER_G 0x04000000u
#define SA_ONSTACK_G 0x08000000u
#define SA_RESTART_G 0x10000000u
#define SA_NODEFER_G 0x40000000u
#define SA_RESETHAND_G 0x80000000u

#define SI_USER_ 0
#define SI_KERNEL_ 0x80
#define SI_QUEUE_ (-1)
#define SI_TIMER_ (-2)
#define SI_TKILL_ (-6)

#define SIGSET_STOP (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define SIGSET_UNMASKABLE (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define SIGSET_SYNC                                                                                \
	(SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) |    \
	 SIGBIT(SIGSYS))

int sighand_new(struct sighand **ret, struct sigactions *actions /* referenced; NULL: fresh */);
void sighand_free(struct sighand *sh);
int sigactions_new(struct sigactions **ret, struct sigactions *from);
void sigactions_put(struct sigactions *a);
struct ksigaction sigaction_get(struct sighand *sh, int signo) REQUIRES(sh->mu);

/* Makes @t look at its signals: wakes it from a sleep and out of guest mode. Under [S]. */
void signal_wake_task(struct task *t);
/* Recomputes the hint after masks or queues changed. Under [S]. */
void signal_recalc(struct task *t);
/* The group is to die with wait status @status. Under [S]. */
void signal_kill_group_locked(struct tgroup *g, int status);
/* Core of sending, under [S]. @t: the thread, or for @group the preferred one (NULL: any). */
int signal_send_locked(struct tgroup *g, struct task *t, bool group, const struct ksiginfo *info,
		       struct sigqueue *embedded);
/* Takes back an embedded entry, if it is queued. Under [S]. */
void sigqueue_cancel(struct sigpending *p, struct sigqueue *q);
void sigpending_flush(struct sigpending *p, sigset64 mask);
bool signal_dequeue_locked(struct task *t, sigset64 mask, struct ksiginfo *ret);
/* After a dequeue without locks held: re-arms the timer that sent the signal. */
void signal_dequeued(struct task *t, struct ksiginfo *info);
/* Before going back to the guest: delivers, stops, or marks t->exiting with t->exit_status. */
void signal_work(struct task *t);
int signal_default_ignored(int signo);
/* Group-wide hand-over of shared signals that @t no longer takes. Under [S]. */
void signal_retarget(struct task *t, sigset64 newly_blocked);
/* Tells the parent about a stop or continuation. No locks held. */
void signal_notify_parent(struct tgroup *g, int cld_code, int signo);

/* siginfo.c: the 128 bytes of Linux's siginfo_t, both ways. */
#define SIGINFO_SIZE 128
void siginfo_encode(uint8_t out[SIGINFO_SIZE], const struct ksiginfo *info);
void siginfo_decode(struct ksiginfo *info, const uint8_t in[SIGINFO_SIZE]);

/* sigframe.c */
int sigframe_push(struct task *t, const struct ksigaction *sa, const struct ksiginfo *info);
long sigframe_pop(struct task *t);
int sigaltstack_set(struct task *t, uint64_t sp, int flags, uint64_t size, uint64_t min_size);
int sigaltstack_flags(const struct task *t, uint64_t sp);

/* --- life (clone.c exec.c exit.c reap.c) --- */

struct clone_args_k {
	uint64_t flags;
	uint64_t pidfd, child_tid, parent_tid;
	int exit_signal;
	uint64_t stack, stack_size; /* stack: top of stack when size is 0 */
	uint64_t tls;
};
long task_clone(struct task *t, const struct clone_args_k *args);

struct tgroup *tgroup_new(struct kernel *k, struct sigactions *actions);
struct task *task_new(struct kernel *k, struct tgroup *g);
static inline struct tgroup *tgroup_get(struct tgroup *g)
{
	ref_get(&g->ref);
	return g;
}
/* The real uid of a task that may be changing it. */
static inline uint32_t task_uid(struct task *t)
{
	mutex_lock(&t->mu);
	uint32_t uid = t->cred->uid;

	mutex_unlock(&t->mu);
	return uid;
}
/* Publishes the ids that the stub answers from; [T] held. */
void task_publish_ids(struct task *t);
void tgroup_publish_ids(struct tgroup *g);
/* Makes t->plat when it has none. */
int task_ensure_plat(struct task *t);
void task_drop_plat(struct task *t);
/* Ends the calling task's vfork parent's sleep. */
void task_vfork_release(struct task *t);

/* Runs the end of a task on its own thread; @status in wait(2) encoding. */
void task_exit(struct task *t, int status);
void task_exit_group(struct task *t, int status);
/* The exit status of the task that is marked as exiting. */
struct wait_opts {
	int idtype; /* P_ALL P_PID P_PGID, P_PIDFD resolved by the caller */
	int32_t id;
	int options;
};
struct wait_result {
	int32_t pid;
	uint32_t uid;
	int status; /* wait(2) encoding */
	int code;   /* CLD_* */
	int sig_status;
	struct cpu_usage usage;
};
/* 1 with a child in @ret, 0 (WNOHANG and nothing), -ECHILD, -ERESTARTSYS, -EINVAL. */
int task_wait_child(struct task *t, const struct wait_opts *opts, struct wait_result *ret);
/* Frees the numbers and the last references of a dead group; [T] exclusive. */
void tgroup_reap(struct kernel *k, struct tgroup *g);
void tgroup_usage(struct tgroup *g, struct cpu_usage *ret);
void cpu_usage_add(struct cpu_usage *to, const struct cpu_usage *what);

/* --- futexes (futex.c, futex_pi.c, robust.c) --- */

long futex_wait(struct task *t, uint64_t addr, bool shared, uint32_t val, uint32_t bitset,
		int64_t deadline);
long futex_wake(struct task *t, uint64_t addr, bool shared, int n, uint32_t bitset);
void futex_exit_robust(struct task *t);
#define ROBUST_HEAD_SIZE 24

/* --- pidfd (pidfd.c) --- */
int pidfd_new(struct task *t, struct tgroup *g, uint32_t flags); /* descriptor or -errno */
struct tgroup *pidfd_group(struct file *f); /* new reference, or NULL: not a pidfd */
/* Permission of ptrace-like access: same ids or CAP_SYS_PTRACE. */
bool task_may_inspect(struct task *t, struct task *target);
bool task_may_signal(struct task *t, struct task *target, int signo);
