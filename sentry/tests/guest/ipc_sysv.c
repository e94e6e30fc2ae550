/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory, semaphores and message queues. */
#include "guest.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static void shm(void)
{
	struct shmid_ds ds;
	int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);

	CHECK(id >= 0);
	char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);

	CHECK(a != (void *)-1 && b != (void *)-1 && a != b);
	strcpy(a + 9000, "hello");
	printf("%s\n", b + 9000);
	SHOW(mprotect(b, 4096, PROT_READ | PROT_WRITE));
	fflush(stdout);
	if (fork() == 0) {
		shmctl(id, IPC_STAT, &ds);
		printf("child: nattch %lu size %lu mode %o\n", ds.shm_nattch, ds.shm_segsz,
		       ds.shm_perm.mode);
		strcpy(a, "from the child");
		_exit(0);
	}
	wait(NULL);
	printf("%s\n", b);
	SHOW(shmctl(id, IPC_RMID, NULL));
	shmctl(id, IPC_STAT, &ds);
	printf("nattch %lu mode %o key %d\n", ds.shm_nattch, ds.shm_perm.mode, ds.shm_perm.__key);
	SHOW(shmdt(b));
	SHOW(shmdt(b));
	SHOW(shmdt(a + 1));
	printf("%s\n", a);
	SHOW(shmdt(a));
	SHOW(shmctl(id, IPC_STAT, &ds));
	SHOW(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
	SHOW(shmget(0x7e57, 4096, 0600));
	int k = shmget(0x7e57, 4096, IPC_CREAT | IPC_EXCL | 0600);

	CHECK(k >= 0);
	CHECK(shmget(0x7e57, 0, 0600) == k);
	SHOW(shmget(0x7e57, 8192, 0600));
	SHOW(shmget(0x7e57, 4096, IPC_CREAT | IPC_EXCL | 0600));
	char *place = mmap(NULL, 16384, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	SHOW(shmat(k, place, 0) == (void *)-1 ? -1 : 0);
	CHECK(shmat(k, place + 100, SHM_RND | SHM_REMAP) == place);
	SHOW(shmat(k, place + 100, 0) == (void *)-1 ? -1 : 0);
	SHOW(shmat(k, NULL, SHM_REMAP) == (void *)-1 ? -1 : 0);
	SHOW(munmap(place, 16384));
	shmctl(k, IPC_STAT, &ds);
	printf("nattch %lu\n", ds.shm_nattch);
	SHOW(shmctl(k, IPC_RMID, NULL));
	SHOW(shmctl(k, IPC_RMID, NULL));
}

static int op(int id, int num, int what, int flags)
{
	struct sembuf b = { (unsigned short)num, (short)what, (short)flags };

	return semop(id, &b, 1);
}

static void sem(void)
{
	int id = semget(IPC_PRIVATE, 3, 0600);
	unsigned short all[3] = { 1, 2, 3 };
	struct timespec ts = { 0, 20000000 };
	struct sembuf two[2] = { { 0, -1, 0 }, { 1, -5, IPC_NOWAIT } };

	CHECK(id >= 0);
	SHOW(semctl(id, 0, SETALL, all));
	SHOW(op(id, 0, -1, 0));
	SHOW(op(id, 0, -1, IPC_NOWAIT));
	SHOW(op(id, 0, 0, IPC_NOWAIT));
	SHOW(op(id, 1, 0, IPC_NOWAIT));
	SHOW(op(id, 3, 1, 0));
	SHOW(op(id, 0, 32767, 0));
	SHOW(op(id, 0, 1, 0));
	SHOW(semop(id, two, 2));
	SHOW(semctl(id, 0, GETVAL));
	SHOW(semctl(id, 0, SETVAL, 40000));
	SHOW(semctl(id, 0, SETVAL, 0));
	CHECK(semctl(id, 0, GETPID) == getpid());
	struct sembuf take = { 0, -1, 0 };

	SHOW(semtimedop(id, &take, 1, &ts));
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		op(id, 2, -2, SEM_UNDO);
		printf("child has %d\n", semctl(id, 2, GETVAL));
		fflush(stdout);
		op(id, 0, -1, 0);
		_exit(5);
	}
	while (semctl(id, 0, GETNCNT) == 0)
		sleep_ms(5);
	SHOW(semctl(id, 0, GETNCNT));
	SHOW(semctl(id, 0, GETZCNT));
	SHOW(op(id, 0, 1, 0));
	int st;

	waitpid(pid, &st, 0);
	show_status("waiter", st);
	SHOW(semctl(id, 2, GETVAL));
	pid = fork();
	if (pid == 0) {
		_exit(op(id, 0, -1, 0) < 0 && errno == EIDRM ? 6 : 7);
	}
	while (semctl(id, 0, GETNCNT) == 0)
		sleep_ms(5);
	SHOW(semctl(id, 0, IPC_RMID));
	waitpid(pid, &st, 0);
	show_status("waiter of a set that goes", st);
	SHOW(op(id, 0, 1, 0));
	SHOW(semget(IPC_PRIVATE, 0, 0600));
	SHOW(semget(IPC_PRIVATE, 40000, 0600));
}

struct text {
	long type;
	char text[64];
};

static void snd(int id, long type, const char *text)
{
	struct text m = { .type = type };

	strcpy(m.text, text);
	SHOW(msgsnd(id, &m, strlen(text) + 1, IPC_NOWAIT));
}

static void rcv(int id, long type, size_t room, int flags)
{
	struct text m = { 0 };
	ssize_t n = msgrcv(id, &m, room, type, flags);

	if (n < 0)
		printf("type %ld: %s\n", type, strerrorname_np(errno));
	else
		printf("type %ld: %zd \"%.*s\" of type %ld\n", type, n, (int)n, m.text, m.type);
}

static void msg(void)
{
	struct msqid_ds ds;
	int id = msgget(IPC_PRIVATE, 0600);

	CHECK(id >= 0);
	snd(id, 3, "three");
	snd(id, 1, "one");
	snd(id, 2, "two");
	snd(id, 3, "again");
	snd(id, 0, "none");
	msgctl(id, IPC_STAT, &ds);
	printf("%lu messages, %lu of %lu bytes\n", ds.msg_qnum, ds.__msg_cbytes, ds.msg_qbytes);
	rcv(id, 3, 64, IPC_NOWAIT);
	rcv(id, -2, 64, IPC_NOWAIT);
	rcv(id, 3, 64, IPC_NOWAIT | MSG_EXCEPT);
	rcv(id, 0, 2, IPC_NOWAIT);
	rcv(id, 0, 2, IPC_NOWAIT | MSG_NOERROR);
	rcv(id, 0, 64, IPC_NOWAIT);
	fflush(stdout);
	pid_t pid = fork();

	if (pid == 0) {
		struct text m;

		_exit(msgrcv(id, &m, 64, 7, 0) == 6 && msgrcv(id, &m, 64, 8, 0) < 0 &&
				      errno == EIDRM ?
			      6 :
			      7);
	}
	snd(id, 7, "wakes");
	sleep_ms(100);
	SHOW(msgctl(id, IPC_RMID, NULL));
	int st;

	waitpid(pid, &st, 0);
	show_status("reader of a queue that goes", st);
	SHOW(msgctl(id, IPC_RMID, NULL));
}

int main(void)
{
	shm();
	sem();
	msg();
	return 0;
}
