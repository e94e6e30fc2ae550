/* SPDX-License-Identifier: Apache-2.0 */
/* What a handler is told: siginfo of every kind of sender, synchronous faults, and the ucontext. */
#include <setjmp.h>
#include <ucontext.h>

#include "guest.h"

static volatile sig_atomic_t seen;
static siginfo_t last;
static sigjmp_buf *env;

static void record(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	last = *si;
	seen = sig;
}

static void show(const char *what)
{
	printf("%s: signo %s code %d pid ok %d uid ok %d value %d errno %d\n", what,
	       sig_name(last.si_signo), last.si_code, last.si_pid == getpid(),
	       last.si_uid == getuid(), last.si_value.sival_int, last.si_errno);
}

static void senders(void)
{
	union sigval v = {.sival_int = 77};
	siginfo_t si = {.si_code = SI_QUEUE};

	handle(SIGUSR1, record, 0);
	handle(SIGRTMIN + 3, record, 0);
	kill(getpid(), SIGUSR1);
	show("kill");
	raise(SIGUSR1);
	show("raise");
	sigqueue(getpid(), SIGUSR1, v);
	show("sigqueue");
	sigqueue(getpid(), SIGRTMIN + 3, v);
	show("sigqueue rt");
	si.si_signo = SIGUSR1;
	si.si_code = -42;
	si.si_value.sival_int = 5;
	si.si_pid = getpid();
	si.si_uid = getuid();
	SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &si));
	show("custom code");
	si.si_code = SI_USER;
	SHOW(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &si));
	SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGUSR1, &si));
	SHOW(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, NULL));
	SHOW(sigqueue(getpid(), 65, v));
}

#include <setjmp.h>

static void on_fault(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	printf("  %s code %d addr %#lx trapno %lld err %#llx cr2 %#llx\n", sig_name(sig),
	       si->si_code, (unsigned long)si->si_addr & 0xfffffffffful,
	       (long long)uc->uc_mcontext.gregs[REG_TRAPNO],
	       (unsigned long long)uc->uc_mcontext.gregs[REG_ERR],
	       (unsigned long long)uc->uc_mcontext.gregs[REG_CR2] & 0xfffffffffful);
	fflush(stdout);
	siglongjmp(*env, 1);
}

#define FAULT(what, code)                                                                          \
	do {                                                                                       \
		sigjmp_buf here;                                                                   \
                                                                                                   \
		env = &here;                                                                       \
		printf("%s\n", what);                                                              \
		if (sigsetjmp(here, 1) == 0) {                                                     \
			code;                                                                      \
			printf("  nothing happened\n");                                            \
		}                                                                                  \
	} while (0)

static void faults(void)
{
	char *ro = mmap((void *)0x10000000, 4096, PROT_READ,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	char *none = mmap((void *)0x10010000, 4096, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	char *noexec = mmap((void *)0x10020000, 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	volatile int zero = 0;

	handle(SIGSEGV, on_fault, 0);
	handle(SIGBUS, on_fault, 0);
	handle(SIGFPE, on_fault, 0);
	handle(SIGILL, on_fault, 0);
	handle(SIGTRAP, on_fault, 0);
	noexec[0] = (char)0xc3;
	FAULT("read of unmapped", (void)*(volatile char *)0x10);
	FAULT("write of unmapped", *(volatile char *)0x20000000 = 1);
	FAULT("write of read-only", *(volatile char *)(ro + 5) = 1);
	FAULT("read of PROT_NONE", (void)*(volatile char *)(none + 7));
	FAULT("execute of no-exec", ((void (*)(void))noexec)());
	FAULT("non-canonical", (void)*(volatile char *)0x8000000000000000ul);
	FAULT("divide by zero", __asm__ volatile("idivl %0" : "+m"(zero) : "a"(1), "d"(0) : "cc"));
	FAULT("ud2", __asm__ volatile("ud2"));
	FAULT("int3", __asm__ volatile("int3"));
	FAULT("hlt", __asm__ volatile("hlt"));
}

static void on_regs(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	(void)si;
	printf("rbx %llx r12 %llx r15 %llx\n", (unsigned long long)uc->uc_mcontext.gregs[REG_RBX],
	       (unsigned long long)uc->uc_mcontext.gregs[REG_R12],
	       (unsigned long long)uc->uc_mcontext.gregs[REG_R15]);
	CHECK(uc->uc_mcontext.fpregs != NULL);
	CHECK(((unsigned long)uc->uc_mcontext.fpregs & 63) == 0);
	CHECK(*(uint32_t *)((char *)uc->uc_mcontext.fpregs + 464) == 0x46505853);
	uint32_t ext = *(uint32_t *)((char *)uc->uc_mcontext.fpregs + 468);

	CHECK(*(uint32_t *)((char *)uc->uc_mcontext.fpregs + ext - 4) == 0x46505845);
	CHECK(((unsigned long)__builtin_frame_address(0) & 15) == 0);
	/* xmm5 of the interrupted code */
	printf("xmm5 %x\n", uc->uc_mcontext.fpregs->_xmm[5].element[0]);
	uc->uc_mcontext.fpregs->_xmm[5].element[0] = 0x5678;
	uc->uc_mcontext.gregs[REG_R12] = 0x99;
	uc->uc_mcontext.gregs[REG_RIP] += 2; /* over the ud2 */
}

/* The handler changes registers; the interrupted code sees that. The red zone survives. */
static void context(void)
{
	unsigned long rbx = 0x11, r12 = 0x22, r15 = 0x33, red;
	unsigned int xmm = 0x1234;

	handle(SIGILL, on_regs, 0);
	__asm__ volatile("mov %[a], %%rbx\n\tmov %[b], %%r12\n\tmov %[c], %%r15\n\t"
			 "movd %[x], %%xmm5\n\t"
			 "movq $0x7777, -120(%%rsp)\n\t"
			 "ud2\n\t"
			 "movd %%xmm5, %[x]\n\t"
			 "movq -120(%%rsp), %[red]\n\t"
			 "mov %%r12, %[b]\n\t"
			 : [b] "+m"(r12), [x] "+m"(xmm), [red] "=r"(red)
			 : [a] "m"(rbx), [c] "m"(r15)
			 : "rbx", "r12", "r15", "xmm5", "memory");
	printf("after: r12 %lx xmm5 %x red zone %lx\n", r12, xmm, red);
}

static volatile int on_alt;
static char alt[65536] __attribute__((aligned(16)));

static void on_stack(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;
	stack_t now;
	char local;

	(void)sig;
	(void)si;
	on_alt = &local >= alt && &local < alt + sizeof(alt);
	sigaltstack(NULL, &now);
	printf("on alt %d flags %d saved flags %d size %zu\n", on_alt, now.ss_flags,
	       uc->uc_stack.ss_flags, uc->uc_stack.ss_size);
	stack_t other = {.ss_sp = alt, .ss_size = sizeof(alt)};

	SHOW(sigaltstack(&other, NULL));
}

static void altstack(void)
{
	stack_t st = {.ss_sp = alt, .ss_size = sizeof(alt)}, old;

	SHOW(sigaltstack(NULL, &old));
	printf("initial flags %d\n", old.ss_flags);
	SHOW(sigaltstack(&st, NULL));
	handle(SIGUSR2, on_stack, SA_ONSTACK);
	raise(SIGUSR2);
	handle(SIGUSR2, on_stack, 0);
	raise(SIGUSR2);
	st.ss_size = 100;
	SHOW(sigaltstack(&st, NULL));
	st.ss_flags = 8;
	SHOW(sigaltstack(&st, NULL));
	st.ss_flags = SS_DISABLE;
	SHOW(sigaltstack(&st, NULL));
	sigaltstack(NULL, &old);
	printf("disabled: flags %d\n", old.ss_flags);
}

/* Stack overflow is caught on the alternate stack. */
static void overflow_handler(int sig, siginfo_t *si, void *uc)
{
	(void)si;
	(void)uc;
	printf("overflow caught: %s code %d\n", sig_name(sig), si->si_code);
	fflush(stdout);
	siglongjmp(*env, 1);
}

static int __attribute__((noinline)) recurse(volatile char *p)
{
	volatile char big[4096];

	big[0] = *p;
	return big[0] == 42 ? 0 : recurse(big) + big[0];
}

static void overflow(void)
{
	stack_t st = {.ss_sp = alt, .ss_size = sizeof(alt)};
	struct rlimit lim = {256 * 1024, RLIM_INFINITY};
	sigjmp_buf here;
	char c = 0;

	getrlimit(RLIMIT_STACK, &lim);
	lim.rlim_cur = 256 * 1024;
	setrlimit(RLIMIT_STACK, &lim);
	sigaltstack(&st, NULL);
	handle(SIGSEGV, overflow_handler, SA_ONSTACK);
	env = &here;
	if (sigsetjmp(here, 1) == 0)
		recurse(&c);
}

static void fatal(void)
{
	int st;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGSEGV);
		handle(SIGSEGV, on_fault, 0);
		sigprocmask(SIG_BLOCK, &set, NULL);
		*(volatile char *)0 = 1; /* blocked: kills in spite of the handler */
		_exit(0);
	}
	waitpid(pid, &st, 0);
	show_status("blocked SIGSEGV", st & ~0x80);
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_IGN);
		*(volatile char *)0 = 1;
		_exit(0);
	}
	waitpid(pid, &st, 0);
	show_status("ignored SIGSEGV", st & ~0x80);
	pid = fork();
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		handle(SIGUSR1, record, 0);
		__asm__ volatile("mov $8, %%rsp\n\tmov %0, %%eax\n\tmov %1, %%edi\n\tmov %2, "
				 "%%esi\n\tsyscall"
				 :
				 : "i"(SYS_kill), "r"(getpid()), "i"(SIGUSR1)
				 : "memory");
	}
	waitpid(pid, &st, 0);
	show_status("no room for the frame", st & ~0x80);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 4096);
	senders();
	faults();
	context();
	altstack();
	overflow();
	fatal();
	return 0;
}
