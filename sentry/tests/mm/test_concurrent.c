/* SPDX-License-Identifier: Apache-2.0 */
/* One address space used by several threads while another forks it. Meant for the TSan and ASan
 * builds. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

#define RW (PROT_READ | PROT_WRITE)
#define ROUNDS 400
#define WORKERS 3

static struct mm *mm;
static _Atomic bool failed;

static void *work(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	char out[5000], in[5000];

	memset(out, (int)seed, sizeof(out));
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t len = (2 + (uint64_t)rand_r(&seed) % 40) * PAGE_SIZE;
		uint64_t a = map_anon(mm, len, RW), at = a + (uint64_t)rand_r(&seed) % (len - 5000);
		struct mm_pin pin;

		failed |= mm_copy_out(mm, at, out, sizeof(out)) != 0;
		failed |= mm_mprotect(mm, a, PAGE_SIZE, PROT_READ) != 0;
		failed |= mm_pin(mm, a + len - 10, 10, true, &pin) != 10;
		memcpy(pin.iov[0].iov_base, "0123456789", 10);
		failed |= mm_copy_out(mm, a + len - 20, out, 10) != 0;
		mm_unpin(&pin);
		failed |= mm_copy_in(mm, in, a + len - 10, 10) != 0 ||
			  memcmp(in, "0123456789", 10) != 0;
		failed |= mm_copy_in(mm, in, at, 100) != 0;
		failed |= at + 100 <= a + len - 20 && memcmp(in, out, 100) != 0;
		failed |= mm_munmap(mm, a, len) != 0;
	}
	return NULL;
}

Test(mm_concurrent, threads_and_forks_do_not_disturb_each_other, .init = fake_init)
{
	pthread_t th[WORKERS];

	cr_assert_eq(mm_new(&mm), 0);
	fake_live(mm);
	for (uintptr_t i = 0; i < WORKERS; i++)
		pthread_create(&th[i], NULL, work, (void *)(i + 1));
	for (int i = 0; i < ROUNDS; i++) {
		struct mm *child;

		cr_assert_eq(mm_fork(&child, mm, 0), 0);
		fake_live(child);
		mm_unref(child);
	}
	for (int i = 0; i < WORKERS; i++)
		pthread_join(th[i], NULL);
	cr_assert_not(failed);
	fake_check(mm);
	mm_unref(mm);
}
