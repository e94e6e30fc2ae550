/* SPDX-License-Identifier: Apache-2.0 */
/* Address spaces: stub processes, slots, and the queue of memory operations that a helper thread
 * carries out.
 *
 * Trust: orders lie in memory that is read-only for the stub, and completion comes over an event
 * descriptor to which only helper threads can write (guest threads' filter has no write). So when
 * space_flush_locked() returns 0, the operations have happened, whatever the guest does. Operations
 * on whose effect the sentry relies (unmap, protect) are marked OP_MUST: should one fail, the
 * helper ends its process rather than go on.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/thread.h"
#include "host/mem.h"
#include "host/proc.h"
#include "host/rule.h"
#include "host/sync.h"
#include "platform/systrap/systrap.h"

pthread_mutex_t systrap_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list spaces = {&spaces, &spaces};
static pthread_mutex_t pass_lock = PTHREAD_MUTEX_INITIALIZER;

/* Numbers that are free again, and the first that was never used. */
struct numbers {
	uint32_t *free;
	uint32_t n_free, cap, next, max;
};
static struct numbers slot_numbers = {.max = SLOT_MAX}, space_numbers = {.max = SPACE_MAX};
static struct numbers tramp_numbers = {.max = TRAMP_MAX};

/* A stub that was asked for ahead of need. */
static struct plat_space *stock;
static bool reaper_runs;

static pthread_mutex_t done_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t done_free = PTHREAD_COND_INITIALIZER;
static uint32_t done_used;

static int number_get(struct numbers *n, uint32_t *ret)
{
	if (n->n_free) {
		*ret = n->free[--n->n_free];
		return 0;
	}
	if (n->next == n->max)
		return -EAGAIN;
	*ret = n->next++;
	return 0;
}

static void number_put(struct numbers *n, uint32_t v)
{
	if (n->n_free == n->cap) {
		uint32_t cap = n->cap ? 2 * n->cap : 64;
		uint32_t *p = realloc(n->free, cap * sizeof(*p));

		if (!p)
			return; /* the number is lost, nothing else */
		n->free = p;
		n->cap = cap;
	}
	n->free[n->n_free++] = v;
}

int number_alloc_tramp(uint32_t *ret)
{
	pthread_mutex_lock(&systrap_lock);
	int r = number_get(&tramp_numbers, ret);
	pthread_mutex_unlock(&systrap_lock);
	return r;
}

void number_free_tramp(uint32_t n)
{
	(void)host_punch(systrap.ctl_fd, CTL_TRAMPS + (uint64_t)n * 4096, 4096);
	pthread_mutex_lock(&systrap_lock);
	number_put(&tramp_numbers, n);
	pthread_mutex_unlock(&systrap_lock);
}

static void slot_init(uint32_t slot)
{
	char *base = slot_base(slot);
	struct stub_pp *pp = (struct stub_pp *)(base + SLOT_PP);
	struct stub_ids *ids = (struct stub_ids *)(base + SLOT_IDS);

	memset(ids->fast, 0xff, sizeof(ids->fast));
	ids->yield_ok = 0;
	ids->ss_sp = slot_stub_addr(slot) + SLOT_ALT;
	ids->ss_flags = 0;
	ids->ss_size = SLOT_ALT_SIZE;
	memset(pp, 0, sizeof(*pp));
	pp->req_seq = pp->rep_seq = 1;
	pp->self = slot_stub_addr(slot) + SLOT_PP;
}

int slot_alloc(uint32_t *ret)
{
	pthread_mutex_lock(&systrap_lock);
	int r = number_get(&slot_numbers, ret);
	pthread_mutex_unlock(&systrap_lock);
	if (r == 0)
		slot_init(*ret);
	return r;
}

/* The slot is mapped in no stub any more. */
void slot_release(uint32_t slot)
{
	(void)host_punch(systrap.ctl_fd, CTL_SLOTS + (uint64_t)slot * SLOT_SIZE, SLOT_SIZE);
	pthread_mutex_lock(&systrap_lock);
	number_put(&slot_numbers, slot);
	pthread_mutex_unlock(&systrap_lock);
}

static void space_destroy(struct plat_space *s)
{
	(void)host_punch(systrap.ctl_fd, CTL_SPACES + (uint64_t)s->idx * CTL_SPACE_SIZE,
			 CTL_SPACE_SIZE);
	for (unsigned i = 0; i < s->n_parked; i++) {
		slot_release(s->parked[i]->slot);
		free(s->parked[i]);
	}
	for (unsigned i = 0; i < s->n_lost; i++)
		slot_release(s->lost[i]);
	pthread_mutex_lock(&systrap_lock);
	number_put(&space_numbers, s->idx);
	pthread_mutex_unlock(&systrap_lock);
	mutex_fini(&s->lock);
	pthread_mutex_destroy(&s->state_lock);
	pthread_cond_destroy(&s->gone);
	free(s->lost);
	free(s);
}

/* Everybody who waits for this stub learns that it is gone. */
static void space_mark_dead(struct plat_space *s)
{
	uint64_t one = 1;

	pthread_mutex_lock(&s->state_lock);
	atomic_store(&s->dead, true);
	list_for_each(node, &s->threads)
	{
		struct plat_thread *t = list_entry(node, struct plat_thread, link);

		__atomic_store_n(&t->pp->req_seq, 0, __ATOMIC_SEQ_CST);
		host_futex_wake_shared(&t->pp->req_seq, 1);
	}
	if (s->waiting_done >= 0 && write(s->waiting_done, &one, sizeof(one)) < 0)
		abort();
	pthread_mutex_unlock(&s->state_lock);
}

void space_kill(struct plat_space *s)
{
	pthread_mutex_lock(&s->state_lock);
	if (!s->reaped && s->pid > 0)
		host_tgkill(s->pid, s->pid, SIGKILL);
	atomic_store(&s->dead, true);
	pthread_mutex_unlock(&s->state_lock);
}

/* Reads the zygote's reports of ended stubs. */
static void *reaper(void *arg)
{
	struct zygote_reply event;

	(void)arg;
	for (;;) {
		ssize_t n = recv(systrap.event_fd, &event, sizeof(event), 0);
		struct plat_space *found = NULL;

		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(event))
			break;
		pthread_mutex_lock(&systrap_lock);
		list_for_each(node, &spaces)
		{
			struct plat_space *s = list_entry(node, struct plat_space, all);

			if (s->pid == event.result) {
				found = s;
				break;
			}
		}
		if (!found) {
			pthread_mutex_unlock(&systrap_lock);
			continue;
		}
		space_mark_dead(found);
		pthread_mutex_lock(&found->state_lock);
		found->reaped = true;
		pthread_cond_broadcast(&found->gone);
		bool gone = found->freed;
		const void *cookie = found->mm_cookie;
		pthread_mutex_unlock(&found->state_lock);
		if (gone)
			list_remove(&found->all);
		pthread_mutex_unlock(&systrap_lock);
		if (gone)
			space_destroy(found);
		else if (systrap.cfg.space_died)
			systrap.cfg.space_died(cookie);
	}
	/* The zygote is gone: so are all stubs. */
	pthread_mutex_lock(&systrap_lock);
	list_for_each(node, &spaces)
	{
		struct plat_space *s = list_entry(node, struct plat_space, all);

		space_mark_dead(s);
		pthread_mutex_lock(&s->state_lock);
		s->reaped = true;
		pthread_cond_broadcast(&s->gone);
		pthread_mutex_unlock(&s->state_lock);
	}
	pthread_mutex_unlock(&systrap_lock);
	return NULL;
}

/* The stub may still have the slot mapped: it is free again when the stub is gone. */
void space_lose_slot(struct plat_space *s, uint32_t slot)
{
	pthread_mutex_lock(&s->state_lock);

	uint32_t *p = realloc(s->lost, (s->n_lost + 1) * sizeof(*p));

	if (p) {
		s->lost = p;
		s->lost[s->n_lost++] = slot;
	}
	pthread_mutex_unlock(&s->state_lock);
}

/* Under systrap_lock. */
static void stock_drop(struct plat_space *s)
{
	if (s->n_parked)
		number_put(&slot_numbers, s->parked[0]->slot);
	number_put(&space_numbers, s->idx);
	if (s->n_parked)
		free(s->parked[0]);
	free(s);
}

/* Under systrap_lock: asks for a stub; its pid comes later. */
static int stock_order(void)
{
	struct plat_space *s = calloc(1, sizeof(*s));
	uint32_t slot;
	int r;

	if (!s)
		return -ENOMEM;
	r = number_get(&space_numbers, &s->idx);
	if (r < 0) {
		free(s);
		return r;
	}
	r = number_get(&slot_numbers, &slot);
	if (r < 0) {
		stock_drop(s);
		return r;
	}
	slot_init(slot);
	s->parked[0] = thread_object(s, slot);
	if (!s->parked[0]) {
		number_put(&slot_numbers, slot);
		stock_drop(s);
		return -ENOMEM;
	}
	s->n_parked = 1;
	s->ops = (struct stub_ops *)(systrap.ctl + CTL_SPACES + (uint64_t)s->idx * CTL_SPACE_SIZE);
	memset(s->ops, 0, OPS_OP);
	s->waiting_done = -1;
	s->helper_cpu = -1;
	r = zygote_request_stub(s->idx, slot);
	if (r < 0) {
		stock_drop(s);
		return r;
	}
	mutex_init(&s->lock, RANK_PLAT);
	pthread_mutex_init(&s->state_lock, NULL);
	pthread_cond_init(&s->gone, NULL);
	list_init(&s->threads);
	stock = s;
	return 0;
}

int plat_space_new(struct plat_space **ret, void *mm_cookie)
{
	int r = 0;

	pthread_mutex_lock(&systrap_lock);
	/* Not before: until the sentry is confined it has one thread. */
	if (!reaper_runs)
		r = kthread_start(reaper, NULL, "stub-reaper");
	reaper_runs = r == 0;
	if (r == 0 && !stock)
		r = stock_order();
	if (r < 0)
		goto out;

	struct plat_space *s = stock;

	s->pid = zygote_answer();
	stock = NULL;
	if (s->pid <= 0) {
		mutex_fini(&s->lock);
		stock_drop(s);
		r = -EAGAIN;
		goto out;
	}
	s->mm_cookie = mm_cookie;
	list_push_back(&spaces, &s->all);
	/* The next one is made while this one starts to work. Should that fail, it is retried then.
	 */
	(void)stock_order();
	*ret = s;
out:
	pthread_mutex_unlock(&systrap_lock);
	return r;
}

/* The guest's memory leaves the stub before the stub is killed: then nobody has to wait for its end
 * before the memory can be used for something else. */
void plat_space_free(struct plat_space *s)
{
	if (!s)
		return;

	struct stub_op all = {SYS_munmap, {0, STUB_TASK_SIZE}, OP_MUST};

	mutex_lock(&s->lock);
	s->n_queue = 0;
	int r = space_queue(s, &all, -1);

	if (r == 0)
		r = space_flush_locked(s);
	mutex_unlock(&s->lock);
	patch_space_free(s);
	space_kill(s);

	pthread_mutex_lock(&systrap_lock);
	pthread_mutex_lock(&s->state_lock);
	s->freed = true;
	bool gone = s->reaped;
	pthread_mutex_unlock(&s->state_lock);
	if (gone)
		list_remove(&s->all);
	pthread_mutex_unlock(&systrap_lock);
	if (gone)
		space_destroy(s);
}

static int done_get(void)
{
	pthread_mutex_lock(&done_lock);
	while (done_used == (1U << STUB_N_DONE) - 1)
		pthread_cond_wait(&done_free, &done_lock);

	int i = __builtin_ctz(~done_used);

	done_used |= 1U << i;
	pthread_mutex_unlock(&done_lock);
	return i;
}

static void done_put(int i)
{
	pthread_mutex_lock(&done_lock);
	done_used &= ~(1U << i);
	pthread_cond_signal(&done_free);
	pthread_mutex_unlock(&done_lock);
}

/* Sends @fd to whichever helper calls recvmsg next. Under pass_lock. */
static int pass_file(int fd)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	union {
		struct cmsghdr hdr;
		char buf[CMSG_SPACE(sizeof(int))];
	} c = {.hdr = {.cmsg_len = CMSG_LEN(sizeof(int)),
		       .cmsg_level = SOL_SOCKET,
		       .cmsg_type = SCM_RIGHTS}};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};

	memcpy(CMSG_DATA(&c.hdr), &fd, sizeof(fd));
	return sendmsg(systrap.pass_fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -EAGAIN;
}

/* Nothing may be left for another helper to receive. Returns whether something was. */
static bool pass_drain(void)
{
	char byte;
	bool left = false;

	/* Without a control buffer the descriptors of the message are closed by the host. */
	while (recv(systrap.drain_fd, &byte, 1, MSG_DONTWAIT) == 1)
		left = true;
	return left;
}

/* Under state_lock: a stub that was killed may still run for a moment; its memory is not free
 * before it is gone. */
static void wait_gone(struct plat_space *s)
{
	while (!s->reaped)
		pthread_cond_wait(&s->gone, &s->state_lock);
}

/* Lets the helper run @n orders that stand in s->ops. Returns its completion value or -ESRCH. */
static int64_t run_orders(struct plat_space *s, unsigned n)
{
	int done = done_get();
	int fd = systrap.done_fd[done];
	uint64_t value = 0;

	pthread_mutex_lock(&s->state_lock);
	if (atomic_load(&s->dead)) {
		wait_gone(s);
		pthread_mutex_unlock(&s->state_lock);
		done_put(done);
		return -ESRCH;
	}
	s->waiting_done = fd;
	pthread_mutex_unlock(&s->state_lock);
	policy_attract(s->pid, &s->helper_cpu);
	s->ops->n = n;
	s->ops->done_fd = (uint32_t)(STUB_FD_DONE + done);
	__atomic_store_n(&s->ops->seq, s->ops->seq + 1, __ATOMIC_SEQ_CST);
	host_futex_wake_shared(&s->ops->seq, 1);
	while (read(fd, &value, sizeof(value)) != sizeof(value))
		;

	pthread_mutex_lock(&s->state_lock);
	s->waiting_done = -1;
	bool dead = atomic_load(&s->dead);

	if (dead) {
		wait_gone(s);
		/* The helper and the reaper may both have written. */
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t more;

		if (poll(&p, 1, 0) == 1 && read(fd, &more, sizeof(more)) != sizeof(more))
			abort();
	}
	pthread_mutex_unlock(&s->state_lock);
	done_put(done);
	return dead ? -ESRCH : (int64_t)value;
}

/* Copies queue entries from @from to before @end to the orders, with the passing of files around
 * them. Returns how many orders that makes. */
static unsigned fill_batch(struct plat_space *s, unsigned *from, unsigned end, bool *passes, int *r)
{
	struct stub_op *op = s->ops->op;
	struct stub_op receive = {SYS_recvmsg,
				  {STUB_FD_PASS,
				   systrap.band + STUB_CONST + offsetof(struct stub_const, msghdr),
				   MSG_DONTWAIT},
				  OP_IGNORE};
	struct stub_op close_it = {SYS_close, {STUB_FD_RECV}, OP_IGNORE};
	unsigned n = 0, i = *from, files = 0;

	while (i < end && n + 3 <= OPS_MAX) {
		int fd = s->queue_fd[i];

		if (fd < 0) {
			op[n++] = s->queue[i++];
			continue;
		}
		if (files == 8)
			break;
		if (!*passes)
			pthread_mutex_lock(&pass_lock);
		*passes = true;
		files++;
		*r = pass_file(fd);
		if (*r < 0)
			break;
		op[n++] = receive;
		for (; i < end && s->queue_fd[i] == fd && n + 2 <= OPS_MAX; i++)
			op[n++] = s->queue[i];
		op[n++] = close_it;
	}
	*from = i;
	return n;
}

/* Carries out entries from *from on, as many as fit. Returns 0 or the first error. */
static int run_batch(struct plat_space *s, unsigned *from, unsigned end)
{
	bool passes = false;
	int64_t v = 0;
	int r = 0;
	unsigned n = fill_batch(s, from, end, &passes, &r);

	if (r == 0)
		v = run_orders(s, n);
	if (passes) {
		if (pass_drain() && v == 1)
			v = 0;
		pthread_mutex_unlock(&pass_lock);
	}
	if (r < 0 || v < 0)
		return r < 0 ? r : (int)v;
	if (v == 1)
		return 0;
	return (v & 0xff00) || v == 0 ? -ENOMEM : -EACCES;
}

/* Something in entries [from, end) failed. They are idempotent: repeated one by one, they say
 * which; what cannot be mapped is unmapped, so that the sentry never believes in a mapping that
 * replaced nothing. */
static int run_again(struct plat_space *s, unsigned from, unsigned end)
{
	int ret = 0;

	for (unsigned i = from; i < end; i++) {
		unsigned at = i;
		int r = run_batch(s, &at, i + 1);

		if (r == -ESRCH)
			return r;
		if (r == 0)
			continue;
		ret = ret ? ret : r;
		s->ops->op[0] = (struct stub_op){
			SYS_munmap, {s->queue[i].args[0], s->queue[i].args[1]}, OP_MUST};
		if (s->queue[i].nr == SYS_mmap && run_orders(s, 1) == -ESRCH)
			return -ESRCH;
	}
	return ret;
}

int space_flush_locked(struct plat_space *s)
{
	unsigned from = 0;
	int ret = 0;

	while (from < s->n_queue && ret != -ESRCH) {
		unsigned at = from;
		int r = run_batch(s, &at, s->n_queue);

		if (at == from)
			at++;
		if (r < 0 && r != -ESRCH)
			r = run_again(s, from, at);
		if (r < 0 && (ret == 0 || r == -ESRCH))
			ret = r;
		from = at;
	}
	s->n_queue = 0;
	atomic_store_explicit(&s->queued, false, memory_order_release);
	return ret;
}

/* Appends to the previous operation where that means the same. */
static bool merge(struct plat_space *s, const struct stub_op *op, int fd)
{
	if (!s->n_queue || op->flags & OP_IGNORE)
		return false;

	struct stub_op *last = &s->queue[s->n_queue - 1];

	if (last->nr != op->nr || last->flags != op->flags || s->queue_fd[s->n_queue - 1] != fd ||
	    last->args[0] + last->args[1] != op->args[0] || op->nr == SYS_madvise)
		return false;
	if (op->nr == SYS_munmap || (op->nr == SYS_mprotect && last->args[2] == op->args[2])) {
		last->args[1] += op->args[1];
		return true;
	}
	if (op->nr == SYS_mmap && last->args[2] == op->args[2] && last->args[3] == op->args[3] &&
	    last->args[4] == op->args[4] && last->args[5] + last->args[1] == op->args[5]) {
		last->args[1] += op->args[1];
		return true;
	}
	return false;
}

int space_queue(struct plat_space *s, const struct stub_op *op, int fd)
{
	if (merge(s, op, fd))
		return 0;
	if (s->n_queue == OPS_MAX - 4) {
		int r = space_flush_locked(s);

		if (r < 0)
			return r;
	}
	s->queue[s->n_queue] = *op;
	s->queue_fd[s->n_queue++] = fd;
	atomic_store_explicit(&s->queued, true, memory_order_release);
	return 0;
}

static bool bad_range(uint64_t addr, uint64_t len)
{
	return ((addr | len) & 4095) || len == 0 || addr >= STUB_TASK_SIZE ||
	       len > STUB_TASK_SIZE - addr;
}

static int queue_op(struct plat_space *s, const struct stub_op *op, int fd)
{
	if (bad_range(op->args[0], op->args[1]))
		return -EINVAL;
	mutex_lock(&s->lock);
	int r = space_queue(s, op, fd);
	mutex_unlock(&s->lock);
	return r;
}

int plat_map(struct plat_space *s, uint64_t addr, uint64_t len, int prot, int fd, uint64_t off)
{
	bool mem = fd == systrap.cfg.memfd;
	struct stub_op op = {SYS_mmap,
			     {addr, len, (uint64_t)prot, MAP_SHARED | MAP_FIXED,
			      mem ? STUB_FD_MEM : STUB_FD_RECV, off},
			     0};

	return queue_op(s, &op, mem ? -1 : fd);
}

int plat_unmap(struct plat_space *s, uint64_t addr, uint64_t len)
{
	struct stub_op op = {SYS_munmap, {addr, len}, OP_MUST};

	return queue_op(s, &op, -1);
}

int plat_protect(struct plat_space *s, uint64_t addr, uint64_t len, int prot)
{
	struct stub_op op = {SYS_mprotect, {addr, len, (uint64_t)prot}, OP_MUST};

	return queue_op(s, &op, -1);
}

int plat_advise(struct plat_space *s, uint64_t addr, uint64_t len, int advice)
{
	struct stub_op op = {SYS_madvise, {addr, len, (uint64_t)advice}, OP_IGNORE};

	return queue_op(s, &op, -1);
}

int plat_flush(struct plat_space *s)
{
	int r = 0;

	if (!atomic_load_explicit(&s->queued, memory_order_acquire))
		return 0;
	mutex_lock(&s->lock);
	if (s->n_queue)
		r = space_flush_locked(s);
	mutex_unlock(&s->lock);
	return r;
}

void stats_live(struct plat_stats *ret)
{
	pthread_mutex_lock(&systrap_lock);
	list_for_each(node, &spaces)
	{
		struct plat_space *s = list_entry(node, struct plat_space, all);

		pthread_mutex_lock(&s->state_lock);
		list_for_each(other, &s->threads)
			stats_live_thread(ret, list_entry(other, struct plat_thread, link));
		pthread_mutex_unlock(&s->state_lock);
	}
	pthread_mutex_unlock(&systrap_lock);
}

int space_init(void)
{
	pthread_mutex_lock(&systrap_lock);
	int r = stock_order();
	pthread_mutex_unlock(&systrap_lock);
	return r;
}

void plat_shutdown(void)
{
	pthread_mutex_lock(&systrap_lock);
	list_for_each(node, &spaces) space_kill(list_entry(node, struct plat_space, all));
	pthread_mutex_unlock(&systrap_lock);
	/* The zygote ends when its command socket is closed, and with it every stub (PDEATHSIG). */
	close(systrap.cmd_fd);
}
