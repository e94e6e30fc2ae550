/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the file_*.c programs: each works in an empty directory of its own. */
#pragma once

#include "guest.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static char work_dir[64];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void leave_work_dir(void)
{
	if (chdir("/") == 0)
		nftw(work_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void enter_work_dir(void)
{
	umask(022);
	mkdir("/tmp", 01777);
	snprintf(work_dir, sizeof(work_dir), "/tmp/guest-%d-XXXXXX", (int)getpid());
	if (!mkdtemp(work_dir) || chdir(work_dir) < 0) {
		perror("work directory");
		exit(1);
	}
	chmod(".", 0755);
	atexit(leave_work_dir);
}

static inline int make_file(const char *name, const char *text)
{
	int fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	if (fd < 0)
		return -1;
	ssize_t n = write(fd, text, strlen(text));

	close(fd);
	return n < 0 ? -1 : 0;
}

static inline void show_file(const char *name)
{
	char buf[256];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n < 0) {
		printf("%s: %s\n", name, strerrorname_np(errno));
	} else {
		buf[n] = 0;
		printf("%s: \"%s\"\n", name, buf);
	}
	fflush(stdout);
	if (fd >= 0)
		close(fd);
}

static inline void show_stat(const char *name)
{
	struct stat st;

	if (lstat(name, &st) < 0)
		printf("%s: %s\n", name, strerrorname_np(errno));
	else
		printf("%s: mode %o nlink %ld size %ld uid %d gid %d\n", name, st.st_mode,
		       S_ISDIR(st.st_mode) ? 0 : (long)st.st_nlink,
		       S_ISDIR(st.st_mode) ? 0 : (long)st.st_size, st.st_uid, st.st_gid);
	fflush(stdout);
}

static inline int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in order, with their types. */
static inline void list_dir(const char *name)
{
	char *names[512];
	int n = 0;
	DIR *d = opendir(name);
	struct dirent *e;

	if (!d) {
		printf("opendir %s: %s\n", name, strerrorname_np(errno));
		return;
	}
	while ((e = readdir(d)) && n < 512) {
		char line[300];

		snprintf(line, sizeof(line), "%s:%d", e->d_name, e->d_type);
		names[n++] = strdup(line);
	}
	closedir(d);
	qsort(names, (size_t)n, sizeof(*names), by_name);
	printf("%s/:", name);
	for (int i = 0; i < n; i++) {
		printf(" %s", names[i]);
		free(names[i]);
	}
	printf("\n");
	fflush(stdout);
}
