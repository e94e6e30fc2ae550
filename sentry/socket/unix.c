/* SPDX-License-Identifier: Apache-2.0 */
/* AF_UNIX (unix(7)): stream, datagram, sequenced packets; names in the tree and abstract ones;
 * descriptors and credentials as ancillary data.
 *
 * A sent message becomes one struct umsg on the receiver's queue. The sender never holds its own lock
 * while it takes the receiver's: it references the peer and lets go. Descriptors in flight to a
 * socket that nobody can reach any more are freed with the queue; cycles of sockets in flight are not
 * collected (a process that builds them keeps them until the sandbox ends).
 *
 * Locks: [m] mu (RANK_SOCKET), [a] the abstract names' lock, [I] set at creation, [w] inode->rw.
 */
#include <errno.h>
#include <fcntl.h>
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "boot/kernel.h"
#include "socket/socket.h"
#include "socket/unix.h"
#include "task/task.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "vfs/dentry.h"
#include "vfs/namespace.h"
#include "vfs/walk.h"

#define BUF_DEFAULT 212992
#define BUF_MIN 4608
#define BUF_MAX (16 << 20)
#define MSG_OVERHEAD 256	/* what a message counts beside its bytes */
#define STREAM_CHUNK 65536	/* a stream's messages are at most this long */
#define SCM_MAX_FD 253
#define SUN_PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define SOMAXCONN_DEFAULT 4096

struct unix_sock;

/* What an inode of kind S_IFSOCK points to while somebody is bound to it. */
struct unix_addr {
	struct unix_sock *sock; /* [w] no reference: unbound before the socket goes */
};

struct umsg {
	struct list link;
	size_t len, off;	/* off: how much of a stream's message was read */
	struct file **files;	/* references */
	size_t n_files;
	struct ucred cred;
	bool has_cred;
	struct sockaddr_un name; /* of the sender, for datagrams */
	socklen_t name_len;
	uint8_t data[];
};

enum unix_state { UNIX_FREE, UNIX_LISTEN, UNIX_CONNECTED, UNIX_DISCONNECTED };

struct unix_sock {
	struct socket base;
	struct ref ref;		/* the file, a peer, a listener's queue */
	struct mutex mu;
	enum unix_state state;	/* [m] */
	struct unix_sock *peer; /* [m] reference; datagram: the connected destination */
	struct list queue;	/* [m] struct umsg, oldest first */
	size_t queued;		/* [m] bytes, with overhead */
	size_t rcvbuf, sndbuf;	/* [m] */
	bool rcv_shut, snd_shut; /* [m] */
	bool dead;		/* [m] the file is gone */
	int error;		/* [m] SO_ERROR */
	bool passcred;		/* [m] */
	struct list blocked;	/* [m] senders that wait for room here (blocked_link) */
	struct list blocked_link;
	struct unix_sock *blocked_on; /* [m of that socket] */
	/* Listening. */
	struct list accept_queue; /* [m] accept_link of connected children */
	struct list accept_link;
	uint32_t n_accept, backlog; /* [m] */
	struct ucred cred;	  /* [m] of the process that connected or listened */
	struct ucred peer_cred;	  /* [m] SO_PEERCRED */
	/* Name. */
	struct unix_addr addr;	  /* [w] */
	struct path path;	  /* [m] of a name in the tree; empty: none */
	struct sockaddr_un name;  /* [m] */
	socklen_t name_len;	  /* [m] 0: unnamed */
	struct list abstract_link; /* [a] */
	struct list all;	   /* in all_socks */
};

static struct {
	struct mutex mu;
	struct list socks;
	uint32_t next_auto;
} abstract_names = { .mu = { PTHREAD_MUTEX_INITIALIZER, RANK_LEAF } };

/* Every socket, for unix_snapshot(). */
static struct {
	struct mutex mu;
	struct list socks;
} all_socks = { { PTHREAD_MUTEX_INITIALIZER, RANK_LEAF }, { &all_socks.socks, &all_socks.socks } };

static const struct socket_ops unix_ops;

static struct unix_sock *ux(struct socket *s)
{
	return container_of(s, struct unix_sock, base);
}

static bool is_stream(const struct unix_sock *u)
{
	return u->base.type == SOCK_STREAM;
}

static bool connection_based(const struct unix_sock *u)
{
	return u->base.type != SOCK_DGRAM;
}

static void umsg_free(struct umsg *m)
{
	for (size_t i = 0; i < m->n_files; i++)
		file_put(m->files[i]);
	free(m->files);
	free(m);
}

static void queue_free(struct list *queue)
{
	struct list *node;

	while ((node = list_pop_front(queue)) != NULL)
		umsg_free(list_entry(node, struct umsg, link));
}

static struct ucred cred_of(struct task *t)
{
	return (struct ucred){ .pid = t->group->pid, .uid = t->cred->euid, .gid = t->cred->egid };
}

static struct unix_sock *unix_alloc(struct task *t, int type)
{
	struct unix_sock *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	socket_init(&u->base, &unix_ops, AF_UNIX, type, 0, t);
	ref_init(&u->ref);
	mutex_init(&u->mu, RANK_SOCKET);
	list_init(&u->queue);
	list_init(&u->blocked);
	list_init(&u->accept_queue);
	u->rcvbuf = u->sndbuf = BUF_DEFAULT;
	u->addr.sock = u;
	u->cred = cred_of(t);
	mutex_lock(&all_socks.mu);
	list_push_back(&all_socks.socks, &u->all);
	mutex_unlock(&all_socks.mu);
	return u;
}

static void unix_put(struct unix_sock *u)
{
	if (!u || !ref_put(&u->ref))
		return;
	mutex_lock(&all_socks.mu);
	list_remove(&u->all);
	mutex_unlock(&all_socks.mu);
	queue_free(&u->queue);
	socket_fini(&u->base);
	mutex_fini(&u->mu);
	free(u);
}

int unix_socket_new(struct socket **ret, struct task *t, int type, int protocol)
{
	struct unix_sock *u;

	if (protocol != 0 && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM; /* as Linux */
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	u = unix_alloc(t, type);
	if (!u)
		return -ENOMEM;
	*ret = &u->base;
	return 0;
}

/* A reference to the peer, or NULL. */
static struct unix_sock *peer_get(struct unix_sock *u)
{
	mutex_lock(&u->mu);
	struct unix_sock *peer = u->peer;

	if (peer)
		ref_get(&peer->ref);
	mutex_unlock(&u->mu);
	return peer;
}

/* --- names ----------------------------------------------------------------------------------------- */

static struct unix_sock *abstract_find_locked(const struct sockaddr_un *name, socklen_t len, int type)
{
	struct unix_sock *u;

	if (!abstract_names.socks.next)
		list_init(&abstract_names.socks);
	list_for_each_entry(u, &abstract_names.socks, abstract_link) {
		if (u->base.type == type && u->name_len == len &&
		    memcmp(u->name.sun_path, name->sun_path, len - SUN_PATH_OFFSET) == 0)
			return u;
	}
	return NULL;
}

/* Checks a guest's address; *len is trimmed to the name (a path without what follows its NUL). */
static int check_name(const struct sockaddr *addr, socklen_t *len, struct sockaddr_un *ret)
{
	if (*len < sizeof(sa_family_t) || *len > sizeof(*ret) || addr->sa_family != AF_UNIX)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, addr, *len);
	if (*len > SUN_PATH_OFFSET && ret->sun_path[0])
		*len = (socklen_t)(SUN_PATH_OFFSET +
				   strnlen(ret->sun_path, *len - SUN_PATH_OFFSET) + 1);
	return 0;
}

static void path_string(const struct sockaddr_un *name, socklen_t len, char buf[109])
{
	size_t n = strnlen(name->sun_path, MIN((size_t)len - SUN_PATH_OFFSET, sizeof(name->sun_path)));

	memcpy(buf, name->sun_path, n);
	buf[n] = '\0';
}

static int bind_abstract(struct unix_sock *u, const struct sockaddr_un *name, socklen_t len)
{
	int r = 0;

	mutex_lock(&abstract_names.mu);
	if (abstract_find_locked(name, len, u->base.type)) {
		r = -EADDRINUSE;
	} else {
		u->name = *name;
		u->name_len = len;
		list_push_back(&abstract_names.socks, &u->abstract_link);
	}
	mutex_unlock(&abstract_names.mu);
	return r;
}

/* An address of only a family: the kernel picks "\0xxxxx". */
static int bind_auto(struct unix_sock *u)
{
	for (int tries = 0; tries < 1 << 20; tries++) {
		struct sockaddr_un name = { .sun_family = AF_UNIX };

		mutex_lock(&abstract_names.mu);
		uint32_t nr = abstract_names.next_auto++ & 0xfffff;
		mutex_unlock(&abstract_names.mu);
		snprintf(name.sun_path + 1, 6, "%05x", nr);

		int r = bind_abstract(u, &name, SUN_PATH_OFFSET + 6);

		if (r != -EADDRINUSE)
			return r;
	}
	return -ENOSPC;
}

static int bind_path(struct unix_sock *u, struct task *t, const struct sockaddr_un *name, socklen_t len)
{
	char path[109];
	struct path place = { 0 };
	int r;

	path_string(name, len, path);
	r = vfs_mknod(t, AT_FDCWD, path, S_IFSOCK | 0777, 0, &place);
	if (r < 0)
		return r == -EEXIST ? -EADDRINUSE : r;

	struct inode *inode = place.dentry->inode;

	rwlock_wrlock(&inode->rw);
	inode->unix_addr = &u->addr;
	rwlock_unlock(&inode->rw);
	mutex_lock(&u->mu);
	u->path = place;
	u->name = *name;
	u->name_len = len;
	mutex_unlock(&u->mu);
	return 0;
}

static int unix_bind(struct socket *s, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct unix_sock *u = ux(s);
	struct sockaddr_un name;
	int r = check_name(addr, &len, &name);

	if (r < 0)
		return r;
	mutex_lock(&u->mu);
	bool bound = u->name_len > 0;
	mutex_unlock(&u->mu);
	if (bound) {
		struct path place = { 0 };
		char path[109];

		if (len == SUN_PATH_OFFSET)
			return 0; /* as Linux: it has a name already */
		if (name.sun_path[0] == '\0')
			return -EINVAL;
		/* Linux makes the file first. */
		path_string(&name, len, path);
		r = path_lookup(t, AT_FDCWD, path, WALK_NOFOLLOW, &place);
		if (r == 0)
			path_put(&place);
		return r == 0 ? -EADDRINUSE : -EINVAL;
	}
	if (len == SUN_PATH_OFFSET)
		return bind_auto(u);
	if (name.sun_path[0] == '\0')
		return bind_abstract(u, &name, len);
	return bind_path(u, t, &name, len);
}

static void unbind(struct unix_sock *u)
{
	mutex_lock(&u->mu);
	struct path place = u->path;

	u->path = (struct path){ 0 };
	mutex_unlock(&u->mu);
	if (place.dentry) {
		struct inode *inode = place.dentry->inode;

		rwlock_wrlock(&inode->rw);
		if (inode->unix_addr == &u->addr)
			inode->unix_addr = NULL;
		rwlock_unlock(&inode->rw);
		path_put(&place);
	}
	mutex_lock(&abstract_names.mu);
	list_remove(&u->abstract_link);
	mutex_unlock(&abstract_names.mu);
}

/* The socket that a name stands for, with a reference. */
static int find_target(struct task *t, const struct sockaddr *addr, socklen_t len, int type,
		       struct unix_sock **ret)
{
	struct sockaddr_un name;
	struct path place = { 0 };
	char path[109];
	int r = check_name(addr, &len, &name);

	if (r < 0)
		return r;
	if (len == SUN_PATH_OFFSET)
		return -ECONNREFUSED;
	if (name.sun_path[0] == '\0') {
		mutex_lock(&abstract_names.mu);
		struct unix_sock *found = abstract_find_locked(&name, len, type);

		if (found && !ref_get_unless_zero(&found->ref))
			found = NULL;
		mutex_unlock(&abstract_names.mu);
		*ret = found;
		return found ? 0 : -ECONNREFUSED;
	}
	path_string(&name, len, path);
	r = path_lookup(t, AT_FDCWD, path, 0, &place);
	if (r < 0)
		return r;

	struct inode *inode = place.dentry->inode;
	struct unix_sock *found = NULL;

	r = inode_permission(inode, t, t->cred, MAY_WRITE);
	if (r == 0) {
		rwlock_rdlock(&inode->rw);
		if (inode->unix_addr && ref_get_unless_zero(&inode->unix_addr->sock->ref))
			found = inode->unix_addr->sock;
		rwlock_unlock(&inode->rw);
		if (!found)
			r = -ECONNREFUSED;
		else if (found->base.type != type)
			r = -EPROTOTYPE;
	}
	path_put(&place);
	if (r < 0) {
		unix_put(found);
		return r;
	}
	*ret = found;
	return 0;
}

/* --- connections ------------------------------------------------------------------------------------- */

/* Ties two sockets that nobody else can reach yet, or whose locks the caller holds. */
static void tie(struct unix_sock *a, struct unix_sock *b)
{
	ref_get(&a->ref);
	ref_get(&b->ref);
	a->peer = b;
	b->peer = a;
	a->state = b->state = UNIX_CONNECTED;
	a->peer_cred = b->cred;
	b->peer_cred = a->cred;
}

static int unix_pair(struct socket *a, struct socket *b)
{
	tie(ux(a), ux(b));
	return 0;
}

static int connect_dgram(struct unix_sock *u, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct unix_sock *target = NULL;

	if (addr->sa_family != AF_UNSPEC) {
		int r = find_target(t, addr, len, SOCK_DGRAM, &target);

		if (r < 0)
			return r;
	}
	mutex_lock(&u->mu);
	struct unix_sock *old = u->peer;

	u->peer = target;
	u->state = target ? UNIX_CONNECTED : UNIX_FREE;
	mutex_unlock(&u->mu);
	unix_put(old);
	return 0;
}

static int enqueue_child(struct unix_sock *listener, struct unix_sock *u, struct unix_sock *child)
{
	int r = 0;

	mutex_lock(&listener->mu);
	if (listener->state != UNIX_LISTEN || listener->dead || listener->rcv_shut) {
		r = -ECONNREFUSED;
	} else if (listener->n_accept > listener->backlog) {
		r = -EAGAIN;
		if (!u->blocked_on) {
			u->blocked_on = listener;
			list_push_back(&listener->blocked, &u->blocked_link);
		}
	} else {
		child->cred = listener->cred;
		child->name = listener->name;
		child->name_len = listener->name_len;
		child->passcred = listener->passcred;
		mutex_lock_nested(&u->mu);
		if (u->state != UNIX_FREE) {
			r = u->state == UNIX_LISTEN ? -EINVAL : -EISCONN;
		} else {
			tie(u, child);
			list_push_back(&listener->accept_queue, &child->accept_link);
			listener->n_accept++;
		}
		mutex_unlock(&u->mu);
	}
	mutex_unlock(&listener->mu);
	if (r == 0)
		waitq_wake(&listener->base.waitq, EPOLLIN | EPOLLRDNORM);
	return r;
}

static int unix_connect(struct socket *s, struct task *t, const struct sockaddr *addr, socklen_t len)
{
	struct unix_sock *u = ux(s);
	struct unix_sock *listener;
	struct unix_sock *child;
	int r;

	if (len < sizeof(sa_family_t))
		return -EINVAL;
	if (!connection_based(u))
		return connect_dgram(u, t, addr, len);
	mutex_lock(&u->mu);
	enum unix_state state = u->state;

	u->cred = cred_of(t);
	mutex_unlock(&u->mu);
	if (state == UNIX_CONNECTED || state == UNIX_DISCONNECTED)
		return -EISCONN;
	if (state == UNIX_LISTEN)
		return -EINVAL;
	r = find_target(t, addr, len, s->type, &listener);
	if (r < 0)
		return r;
	child = unix_alloc(t, s->type);
	if (!child) {
		unix_put(listener);
		return -ENOMEM;
	}
	r = enqueue_child(listener, u, child);
	if (r < 0)
		unix_put(child);
	unix_put(listener);
	return r;
}

static int unix_listen(struct socket *s, struct task *t, int backlog)
{
	struct unix_sock *u = ux(s);
	int r = 0;

	if (!connection_based(u))
		return -EOPNOTSUPP;
	mutex_lock(&u->mu);
	if (u->name_len == 0 || (u->state != UNIX_FREE && u->state != UNIX_LISTEN)) {
		r = -EINVAL;
	} else {
		u->state = UNIX_LISTEN;
		u->backlog = (uint32_t)MIN((unsigned)backlog, (unsigned)SOMAXCONN_DEFAULT);
		u->cred = cred_of(t);
	}
	mutex_unlock(&u->mu);
	return r;
}

/* Takes the senders that wait for room; the caller wakes them after it let go of @u. With [m]. */
static void unblock_senders_locked(struct unix_sock *u)
{
	struct list *node;

	while ((node = list_pop_front(&u->blocked)) != NULL) {
		struct unix_sock *sender = list_entry(node, struct unix_sock, blocked_link);

		sender->blocked_on = NULL;
		waitq_wake(&sender->base.waitq, EPOLLOUT | EPOLLWRNORM);
	}
}

static int unix_accept(struct socket *s, struct task *t, struct socket **ret)
{
	struct unix_sock *u = ux(s);
	int r = 0;

	(void)t;
	if (!connection_based(u))
		return -EOPNOTSUPP;
	mutex_lock(&u->mu);
	if (u->state != UNIX_LISTEN) {
		r = -EINVAL;
	} else if (u->n_accept == 0) {
		r = u->rcv_shut ? -EINVAL : -EAGAIN;
	} else {
		struct list *node = list_pop_front(&u->accept_queue);

		u->n_accept--;
		*ret = &list_entry(node, struct unix_sock, accept_link)->base;
		unblock_senders_locked(u);
	}
	mutex_unlock(&u->mu);
	return r;
}

/* The other side of a connection went away, or shut its sending side down. */
static void peer_gone(struct unix_sock *peer, bool reset)
{
	mutex_lock(&peer->mu);
	peer->rcv_shut = true;
	peer->snd_shut = true;
	peer->state = UNIX_DISCONNECTED;
	if (reset)
		peer->error = ECONNRESET;
	mutex_unlock(&peer->mu);
	waitq_wake(&peer->base.waitq, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
}

static void unlink_blocked(struct unix_sock *u)
{
	struct unix_sock *on = __atomic_load_n(&u->blocked_on, __ATOMIC_ACQUIRE);

	/* Whoever we wait on takes us off under its lock; it is alive while we are on its list, because
	 * its own release empties the list first. */
	if (!on)
		return;
	mutex_lock(&on->mu);
	if (u->blocked_on == on) {
		u->blocked_on = NULL;
		list_remove(&u->blocked_link);
	}
	mutex_unlock(&on->mu);
}

static void unix_release(struct socket *s)
{
	struct unix_sock *u = ux(s);
	struct list children;
	struct list messages;

	unbind(u);
	unlink_blocked(u);
	list_init(&children);
	list_init(&messages);
	mutex_lock(&u->mu);
	struct unix_sock *peer = u->peer;
	bool unread = !list_empty(&u->queue);

	u->dead = true;
	u->rcv_shut = u->snd_shut = true;
	u->peer = NULL;
	list_splice_back(&messages, &u->queue);
	list_splice_back(&children, &u->accept_queue);
	unblock_senders_locked(u);
	mutex_unlock(&u->mu);

	queue_free(&messages);
	if (peer && connection_based(u))
		peer_gone(peer, unread);
	unix_put(peer);

	struct list *node;

	while ((node = list_pop_front(&children)) != NULL)
		unix_release(&list_entry(node, struct unix_sock, accept_link)->base);
	unix_put(u);
}

static int unix_shutdown(struct socket *s, int how)
{
	struct unix_sock *u = ux(s);
	bool rd = how == SHUT_RD || how == SHUT_RDWR;
	bool wr = how == SHUT_WR || how == SHUT_RDWR;

	mutex_lock(&u->mu);
	u->rcv_shut |= rd;
	u->snd_shut |= wr;
	struct unix_sock *peer = connection_based(u) ? u->peer : NULL;

	if (peer)
		ref_get(&peer->ref);
	mutex_unlock(&u->mu);
	if (peer) {
		mutex_lock(&peer->mu);
		peer->rcv_shut |= wr;
		peer->snd_shut |= rd;
		mutex_unlock(&peer->mu);
		waitq_wake(&peer->base.waitq, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
		unix_put(peer);
	}
	waitq_wake(&s->waitq, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP);
	return 0;
}

static int unix_getname(struct socket *s, bool want_peer, struct sockaddr_storage *addr, socklen_t *len)
{
	struct unix_sock *u = ux(s);
	struct unix_sock *of = u;
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	if (want_peer) {
		of = peer_get(u);
		if (!of)
			return -ENOTCONN;
	}
	mutex_lock(&of->mu);
	*len = of->name_len ? of->name_len : (socklen_t)sizeof(sa_family_t);
	if (of->name_len)
		name = of->name;
	mutex_unlock(&of->mu);
	memset(addr, 0, sizeof(*addr));
	memcpy(addr, &name, sizeof(name));
	if (want_peer)
		unix_put(of);
	return 0;
}

/* --- sending ----------------------------------------------------------------------------------------- */

static int take_rights(struct umsg *m, struct task *t, const uint8_t *data, size_t len)
{
	size_t n = len / sizeof(int);
	struct file **files;

	/* Several control messages of one call count together. */
	if (n > SCM_MAX_FD - m->n_files)
		return -EINVAL;
	if (n == 0)
		return 0;
	files = reallocarray(m->files, m->n_files + n, sizeof(*m->files));
	if (!files)
		return -ENOMEM;
	m->files = files;
	for (size_t i = 0; i < n; i++) {
		struct file *f;
		int fd;

		memcpy(&fd, data + i * sizeof(int), sizeof(fd));
		f = fd_get_raw(t, fd);
		if (!f)
			return -EBADF;
		/* A reference of its own: fd_get's may be borrowed from the table. */
		file_get(f);
		fd_put(t, f);
		m->files[m->n_files++] = f;
	}
	return 0;
}

static int take_creds(struct umsg *m, struct task *t, const uint8_t *data, size_t len)
{
	struct ucred want;
	const struct cred *c = t->cred;

	if (len != sizeof(want))
		return -EINVAL;
	memcpy(&want, data, sizeof(want));
	if ((want.pid != t->group->pid && !task_has_cap(t, CAP_SYS_ADMIN)) ||
	    (want.uid != c->uid && want.uid != c->euid && want.uid != c->suid &&
	     !task_has_cap(t, CAP_SETUID)) ||
	    (want.gid != c->gid && want.gid != c->egid && want.gid != c->sgid &&
	     !task_has_cap(t, CAP_SETGID)))
		return -EPERM;
	m->cred = want;
	m->has_cred = true;
	return 0;
}

static int take_control(struct umsg *m, struct task *t, const struct sock_msg *sm)
{
	const uint8_t *data;
	size_t pos = 0;
	size_t len;
	int level, type;
	int r;

	while ((r = cmsg_next(sm->control, sm->control_len, &pos, &level, &type, &data, &len)) > 0) {
		if (level != SOL_SOCKET)
			continue;
		if (type == SCM_RIGHTS)
			r = take_rights(m, t, data, len);
		else if (type == SCM_CREDENTIALS)
			r = take_creds(m, t, data, len);
		else
			r = -EINVAL;
		if (r < 0)
			return r;
	}
	return r;
}

/* Whether @to can take a message now; -EAGAIN registers the sender to be woken. With to->mu. */
static int room_locked(struct unix_sock *to, struct unix_sock *from)
{
	if (to->queued < to->rcvbuf)
		return 0;
	if (!from->blocked_on) {
		from->blocked_on = to;
		list_push_back(&to->blocked, &from->blocked_link);
	}
	return -EAGAIN;
}

static int deliver(struct unix_sock *to, struct unix_sock *from, struct umsg *m)
{
	int r = 0;

	mutex_lock(&to->mu);
	if (to->dead || to->rcv_shut)
		r = connection_based(to) ? -EPIPE : to->dead ? -ECONNREFUSED : -EPIPE;
	else
		r = room_locked(to, from);
	if (r == 0) {
		list_push_back(&to->queue, &m->link);
		to->queued += m->len + MSG_OVERHEAD;
	}
	mutex_unlock(&to->mu);
	if (r == 0)
		waitq_wake(&to->base.waitq, EPOLLIN | EPOLLRDNORM);
	return r;
}

/* Who gets a message: the named one, or the peer. With a reference. */
static int destination(struct unix_sock *u, struct task *t, struct sock_msg *sm, struct unix_sock **ret)
{
	struct unix_sock *peer;
	int r = 0;

	if (connection_based(u) && sm->name_len > 0) {
		mutex_lock(&u->mu);
		bool connected = u->state == UNIX_CONNECTED;
		mutex_unlock(&u->mu);
		return connected ? -EISCONN : -EOPNOTSUPP;
	}
	if (sm->name_len > 0)
		return find_target(t, (struct sockaddr *)&sm->name, sm->name_len, SOCK_DGRAM, ret);
	mutex_lock(&u->mu);
	peer = u->peer;
	if (u->error) {
		r = -u->error;
		u->error = 0;
	} else if (u->snd_shut) {
		r = -EPIPE;
	} else if (!peer) {
		r = u->state == UNIX_DISCONNECTED ? -EPIPE : -ENOTCONN;
	} else {
		ref_get(&peer->ref);
	}
	mutex_unlock(&u->mu);
	*ret = peer;
	return r;
}

static bool has_room(struct unix_sock *to, struct unix_sock *from)
{
	mutex_lock(&to->mu);
	bool ok = to->dead || to->rcv_shut || room_locked(to, from) == 0;
	mutex_unlock(&to->mu);
	return ok;
}

static ssize_t send_to(struct unix_sock *u, struct unix_sock *to, struct task *t, struct sock_msg *sm)
{
	struct iov_iter it = sm->iter;
	size_t len = is_stream(u) ? MIN(it.count, (size_t)STREAM_CHUNK) : it.count;
	struct umsg *m;
	int r = 0;

	if (!is_stream(u) && len > u->sndbuf)
		return -EMSGSIZE;
	if (is_stream(u) && len == 0 && sm->control_len == 0)
		return 0;
	if (!has_room(to, u))
		return -EAGAIN;
	m = malloc(sizeof(*m) + len);
	if (!m)
		return -ENOBUFS;
	memset(m, 0, sizeof(*m));
	m->len = len;
	if (iov_iter_copy_from(&it, m->data, len) != len)
		r = -EFAULT;
	if (r == 0 && sm->control_len > 0)
		r = take_control(m, t, sm);
	if (r == 0) {
		mutex_lock(&u->mu);
		m->name = u->name;
		m->name_len = u->name_len;
		mutex_unlock(&u->mu);
		if (!m->has_cred) {
			m->cred = cred_of(t);
			m->cred.uid = t->cred->uid;
			m->cred.gid = t->cred->gid;
		}
		r = deliver(to, u, m);
	}
	if (r < 0) {
		umsg_free(m);
		return r;
	}
	sm->iter = it;
	sm->control_len = 0; /* a stream's next piece carries none */
	return (ssize_t)len;
}

static ssize_t unix_sendmsg(struct socket *s, struct task *t, struct sock_msg *sm, int flags)
{
	struct unix_sock *u = ux(s);
	struct unix_sock *to;
	ssize_t r;

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	r = destination(u, t, sm, &to);
	if (r < 0)
		return r;
	r = send_to(u, to, t, sm);
	unix_put(to);
	return r;
}

/* --- receiving --------------------------------------------------------------------------------------- */

/* Gives the descriptors of @m to @t and appends the cmsg. Those that do not fit are closed. */
static void give_rights(struct umsg *m, struct task *t, struct cmsg_out *out, int flags, bool peek)
{
	int fds[SCM_MAX_FD];
	size_t room = 0;
	size_t n = 0;

	if (out->size - out->used > sizeof(struct cmsghdr))
		room = (out->size - out->used - sizeof(struct cmsghdr)) / sizeof(int);
	for (size_t i = 0; i < m->n_files; i++) {
		if (n < room) {
			struct file *f = file_get(m->files[i]);
			int fd = fd_install(t, f, 0, flags & MSG_CMSG_CLOEXEC);

			if (fd < 0) {
				file_put(f);
				out->truncated = true;
				break;
			}
			fds[n++] = fd;
		} else {
			out->truncated = true;
		}
	}
	if (n > 0)
		cmsg_put(out, SOL_SOCKET, SCM_RIGHTS, fds, n * sizeof(int));
	if (!peek) {
		for (size_t i = 0; i < m->n_files; i++)
			file_put(m->files[i]);
		free(m->files);
		m->files = NULL;
		m->n_files = 0;
	}
}

/* What comes beside the bytes. Without the socket's lock: installing a descriptor may take any lock. */
static void ancillary(struct unix_sock *u, struct umsg *m, struct task *t, struct sock_msg *sm, int flags,
		      bool peek)
{
	mutex_lock(&u->mu);
	bool passcred = u->passcred;
	mutex_unlock(&u->mu);
	if (passcred)
		cmsg_put(&sm->out, SOL_SOCKET, SCM_CREDENTIALS, &m->cred, sizeof(m->cred));
	if (m->n_files > 0)
		give_rights(m, t, &sm->out, flags, peek);
}

static ssize_t recv_error_locked(struct unix_sock *u)
{
	if (u->error) {
		int e = u->error;

		u->error = 0;
		return -e;
	}
	if (u->rcv_shut)
		return 0;
	if (connection_based(u) && u->state != UNIX_CONNECTED)
		return u->state == UNIX_LISTEN ? -EINVAL : -ENOTCONN;
	return -EAGAIN;
}

/* Datagrams and sequenced packets: one message, cut to the buffer. */
static ssize_t recv_packet(struct unix_sock *u, struct task *t, struct sock_msg *sm, int flags)
{
	bool peek = flags & MSG_PEEK;

	mutex_lock(&u->mu);
	struct list *node = list_first(&u->queue);

	if (!node) {
		ssize_t r = recv_error_locked(u);

		mutex_unlock(&u->mu);
		return r;
	}

	struct umsg *m = list_entry(node, struct umsg, link);
	size_t want = MIN(m->len, sm->iter.count);
	size_t got = iov_iter_copy_to(&sm->iter, m->data, want);

	if (m->len > want)
		sm->flags |= MSG_TRUNC;
	memcpy(&sm->name, &m->name, sizeof(m->name));
	sm->name_len = connection_based(u) ? 0 : m->name_len;
	if (!peek) {
		list_remove(node);
		u->queued -= m->len + MSG_OVERHEAD;
		unblock_senders_locked(u);
	}

	ssize_t r = got < want ? -EFAULT : (ssize_t)(flags & MSG_TRUNC ? m->len : got);

	if (peek) {
		/* Descriptors of a peeked message are duplicated while the lock keeps it there. */
		struct umsg copy = { .cred = m->cred, .n_files = m->n_files };
		struct file *files[SCM_MAX_FD];

		for (size_t i = 0; i < m->n_files; i++)
			files[i] = file_get(m->files[i]);
		mutex_unlock(&u->mu);
		copy.files = files;
		ancillary(u, &copy, t, sm, flags, true);
		for (size_t i = 0; i < copy.n_files; i++)
			file_put(files[i]);
		return r;
	}
	mutex_unlock(&u->mu);
	ancillary(u, m, t, sm, flags, false);
	umsg_free(m);
	return r;
}

/* Whether the next message may join what was read: nothing follows descriptors, and credentials stay the
 * same when somebody looks at them. */
static bool mergeable(const struct unix_sock *u, const struct umsg *got, const struct umsg *next)
{
	if (got->n_files > 0)
		return false;
	return !u->passcred || memcmp(&got->cred, &next->cred, sizeof(got->cred)) == 0;
}

/* What beside the bytes is given with a message: its descriptors move to @meta, or are duplicated. */
static void take_meta(struct umsg *meta, struct umsg *m, bool peek)
{
	meta->cred = m->cred;
	if (m->n_files == 0)
		return;
	if (!peek) {
		meta->files = TAKE(m->files);
		meta->n_files = m->n_files;
		m->n_files = 0;
		return;
	}
	meta->files = calloc(m->n_files, sizeof(*meta->files));
	meta->n_files = meta->files ? m->n_files : 0;
	for (size_t i = 0; i < meta->n_files; i++)
		meta->files[i] = file_get(m->files[i]);
}

static ssize_t recv_stream(struct unix_sock *u, struct task *t, struct sock_msg *sm, int flags)
{
	bool peek = flags & MSG_PEEK;
	struct list finished;
	struct umsg meta = { 0 };
	size_t done = 0;
	bool first = true;
	bool fault = false;

	list_init(&finished);
	mutex_lock(&u->mu);
	if (list_empty(&u->queue)) {
		ssize_t r = recv_error_locked(u);

		mutex_unlock(&u->mu);
		return r;
	}
	list_for_each_safe(node, &u->queue) {
		struct umsg *m = list_entry(node, struct umsg, link);

		if (!first && (sm->iter.count == 0 || !mergeable(u, &meta, m)))
			break;
		take_meta(&meta, m, peek);
		first = false;

		size_t want = MIN(m->len - m->off, sm->iter.count);
		size_t got = iov_iter_copy_to(&sm->iter, m->data + m->off, want);

		done += got;
		fault = got < want;
		if (!peek) {
			m->off += got;
			if (m->off == m->len) {
				list_remove(node);
				u->queued -= m->len + MSG_OVERHEAD;
				list_push_back(&finished, node);
			}
		}
		if (fault)
			break;
	}
	if (!list_empty(&finished))
		unblock_senders_locked(u);
	mutex_unlock(&u->mu);

	queue_free(&finished);
	ancillary(u, &meta, t, sm, flags, false);
	return done == 0 && fault ? -EFAULT : (ssize_t)done;
}

static ssize_t unix_recvmsg(struct socket *s, struct task *t, struct sock_msg *sm, int flags)
{
	struct unix_sock *u = ux(s);

	if (flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (is_stream(u) && sm->iter.count == 0)
		return 0;
	return is_stream(u) ? recv_stream(u, t, sm, flags) : recv_packet(u, t, sm, flags);
}

/* --- poll, options, ioctl ---------------------------------------------------------------------------- */

static uint32_t unix_poll(struct socket *s, struct waiter *w)
{
	struct unix_sock *u = ux(s);
	uint32_t ready = 0;
	struct unix_sock *peer;

	if (w)
		waitq_add(&s->waitq, w, w->mask);
	mutex_lock(&u->mu);
	peer = u->peer;
	if (peer)
		ref_get(&peer->ref);
	if (u->error)
		ready |= EPOLLERR;
	if (u->state == UNIX_LISTEN) {
		if (u->n_accept > 0)
			ready |= EPOLLIN | EPOLLRDNORM;
		mutex_unlock(&u->mu);
		return ready;
	}
	if (!list_empty(&u->queue) || u->rcv_shut)
		ready |= EPOLLIN | EPOLLRDNORM;
	if (u->rcv_shut)
		ready |= EPOLLRDHUP;
	if (u->rcv_shut && u->snd_shut)
		ready |= EPOLLHUP;
	if (connection_based(u) && u->state == UNIX_FREE)
		ready |= EPOLLHUP;
	bool writable = !peer || u->snd_shut;
	mutex_unlock(&u->mu);

	if (writable || has_room(peer, u))
		ready |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	unix_put(peer);
	return ready;
}

static int set_buf(size_t *buf, const void *val, socklen_t len)
{
	int v;

	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	*buf = MAX((size_t)BUF_MIN, MIN((size_t)(v < 0 ? INT32_MAX : v) * 2, (size_t)BUF_MAX));
	return 0;
}

static int unix_setsockopt(struct socket *s, struct task *t, int level, int name, const void *val,
			   socklen_t len)
{
	struct unix_sock *u = ux(s);
	int v = 0;
	int r = 0;

	(void)t;
	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	mutex_lock(&u->mu);
	switch (name) {
	case SO_PASSCRED:
		u->passcred = v != 0;
		break;
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		r = set_buf(&u->sndbuf, val, len);
		break;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		r = set_buf(&u->rcvbuf, val, len);
		break;
	/* Accepted by Linux on every socket and without effect on this family. */
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_KEEPALIVE:
	case SO_BROADCAST:
	case SO_OOBINLINE:
	case SO_DONTROUTE:
	case SO_NO_CHECK:
	case SO_PRIORITY:
	case SO_LINGER:
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
	case SO_RCVLOWAT:
		break;
	default:
		r = -ENOPROTOOPT;
	}
	mutex_unlock(&u->mu);
	return r;
}

static int put_int(int v, void *val, socklen_t *len)
{
	*len = MIN(*len, (socklen_t)sizeof(v));
	memcpy(val, &v, *len);
	return 0;
}

static int unix_getsockopt(struct socket *s, struct task *t, int level, int name, void *val,
			   socklen_t *len)
{
	struct unix_sock *u = ux(s);
	struct ucred cred = { .pid = 0, .uid = UINT32_MAX, .gid = UINT32_MAX };
	struct linger linger = { 0 };
	int r;

	(void)t;
	if (level != SOL_SOCKET)
		return -EOPNOTSUPP;
	mutex_lock(&u->mu);
	switch (name) {
	case SO_ERROR:
		r = put_int(u->error, val, len);
		u->error = 0;
		break;
	case SO_PEERCRED:
		if (u->peer_cred.pid)
			cred = u->peer_cred;
		*len = MIN(*len, (socklen_t)sizeof(cred));
		memcpy(val, &cred, *len);
		r = 0;
		break;
	case SO_PASSCRED:
		r = put_int(u->passcred, val, len);
		break;
	case SO_ACCEPTCONN:
		r = put_int(u->state == UNIX_LISTEN, val, len);
		break;
	case SO_SNDBUF:
		r = put_int((int)u->sndbuf, val, len);
		break;
	case SO_RCVBUF:
		r = put_int((int)u->rcvbuf, val, len);
		break;
	case SO_LINGER:
		*len = MIN(*len, (socklen_t)sizeof(linger));
		memcpy(val, &linger, *len);
		r = 0;
		break;
	case SO_RCVLOWAT:
		r = put_int(1, val, len);
		break;
	case SO_REUSEADDR:
	case SO_REUSEPORT:
	case SO_KEEPALIVE:
	case SO_BROADCAST:
	case SO_OOBINLINE:
	case SO_DONTROUTE:
	case SO_PRIORITY:
	case SO_TIMESTAMP:
		r = put_int(0, val, len);
		break;
	default:
		r = -ENOPROTOOPT;
	}
	mutex_unlock(&u->mu);
	return r;
}

static long unix_ioctl(struct socket *s, struct task *t, unsigned long cmd, uint64_t arg)
{
	struct unix_sock *u = ux(s);
	size_t n = 0;
	int v;

	switch (cmd) {
	case FIONREAD:
		mutex_lock(&u->mu);
		if (u->state == UNIX_LISTEN) {
			mutex_unlock(&u->mu);
			return -EINVAL;
		}
		list_for_each(node, &u->queue) {
			struct umsg *m = list_entry(node, struct umsg, link);

			n += m->len - m->off;
			if (!connection_based(u))
				break;
		}
		mutex_unlock(&u->mu);
		break;
	case TIOCOUTQ: {
		struct unix_sock *peer = peer_get(u);

		if (peer) {
			mutex_lock(&peer->mu);
			n = peer->queued;
			mutex_unlock(&peer->mu);
			unix_put(peer);
		}
		break;
	}
	default:
		return netdev_ioctl(t, cmd, arg);
	}
	v = (int)MIN(n, (size_t)INT32_MAX);
	return copy_out(t, arg, &v, sizeof(v));
}

static const struct socket_ops unix_ops = {
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.getname = unix_getname,
	.shutdown = unix_shutdown,
	.setsockopt = unix_setsockopt,
	.getsockopt = unix_getsockopt,
	.sendmsg = unix_sendmsg,
	.recvmsg = unix_recvmsg,
	.poll = unix_poll,
	.ioctl = unix_ioctl,
	.release = unix_release,
	.pair = unix_pair,
};

/* --- seen from outside -------------------------------------------------------------------------------- */

static void fill_info(struct unix_sock *u, struct unix_info *ret)
{
	mutex_lock(&u->mu);
	*ret = (struct unix_info){ .inode = u->base.inode, .type = u->base.type,
				   .state = u->state == UNIX_LISTEN	? 10
					    : u->peer && connection_based(u) ? 1
										: 7,
				   .refs = 2, .uid = u->base.uid, .rqueue = (uint32_t)u->queued,
				   .rcvbuf = (uint32_t)u->rcvbuf, .sndbuf = (uint32_t)u->sndbuf,
				   .shutdown = (uint8_t)((u->rcv_shut ? 1 : 0) | (u->snd_shut ? 2 : 0)),
				   .name = u->name, .name_len = u->name_len,
				   .peer = u->peer ? u->peer->base.inode : 0 };
	if (u->state == UNIX_LISTEN) {
		ret->rqueue = 0;
		list_for_each(node, &u->accept_queue)
			ret->rqueue++;
		ret->wqueue = u->backlog;
	}
	if (u->path.dentry)
		ret->vfs_ino = u->path.dentry->inode->ino;
	mutex_unlock(&u->mu);
}

size_t unix_snapshot(struct unix_info *ret, size_t max)
{
	struct unix_sock **socks = calloc(max + 1, sizeof(struct unix_sock *));
	struct unix_sock *u;
	size_t n = 0, held = 0;

	mutex_lock(&all_socks.mu);
	list_for_each_entry(u, &all_socks.socks, all)
	{
		n++;
		if (socks && held < max && ref_get_unless_zero(&u->ref))
			socks[held++] = u;
	}
	mutex_unlock(&all_socks.mu);
	for (size_t i = 0; i < held; i++) {
		fill_info(socks[i], &ret[i]);
		unix_put(socks[i]);
	}
	free(socks);
	return max ? held : n;
}
