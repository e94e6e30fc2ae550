/* SPDX-License-Identifier: Apache-2.0 */
/* siginfo_t by sigaction(2): which members a signal carries, compared with the host's own union. */
#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>

#include "task/internal.h"

static siginfo_t encode(const struct ksiginfo *info)
{
	uint8_t raw[SIGINFO_SIZE];
	siginfo_t si;

	siginfo_encode(raw, info);
	_Static_assert(sizeof(si) == SIGINFO_SIZE, "siginfo_t");
	memcpy(&si, raw, sizeof(si));
	return si;
}

Test(siginfo, kill_tells_who_sent_it)
{
	siginfo_t si = encode(&(struct ksiginfo){
		.signo = SIGTERM, .code = SI_USER, .pid = 12, .uid = 34, .value = 99});

	cr_assert_eq(si.si_signo, SIGTERM);
	cr_assert_eq(si.si_pid, 12);
	cr_assert_eq(si.si_uid, 34u);
	cr_assert_null(si.si_value.sival_ptr, "kill(2) carries no value");
}

Test(siginfo, queued_signal_carries_its_value)
{
	siginfo_t si = encode(&(struct ksiginfo){.signo = SIGRTMIN,
						 .code = SI_QUEUE,
						 .pid = 1,
						 .uid = 2,
						 .value = 0x1122334455667788});

	cr_assert_eq((uint64_t)si.si_value.sival_ptr, 0x1122334455667788u);
	cr_assert_eq(si.si_pid, 1);
}

Test(siginfo, child_tells_status_and_times)
{
	siginfo_t si = encode(&(struct ksiginfo){.signo = SIGCHLD,
						 .code = CLD_KILLED,
						 .pid = 5,
						 .uid = 6,
						 .status = 9,
						 .utime = 7,
						 .stime = 8});

	cr_assert_eq(si.si_status, 9);
	cr_assert_eq(si.si_utime, 7);
	cr_assert_eq(si.si_stime, 8);
}

Test(siginfo, fault_tells_the_address_only)
{
	siginfo_t si = encode(&(struct ksiginfo){
		.signo = SIGSEGV, .code = SEGV_MAPERR, .addr = 0xdead000, .pid = 77});

	cr_assert_eq((uint64_t)si.si_addr, 0xdead000u);
}

Test(siginfo, fault_sent_by_a_process_is_no_fault)
{
	siginfo_t si =
		encode(&(struct ksiginfo){.signo = SIGSEGV, .code = SI_USER, .pid = 77, .addr = 1});

	cr_assert_eq(si.si_pid, 77);
}

Test(siginfo, timer_tells_id_overrun_and_value)
{
	siginfo_t si = encode(&(struct ksiginfo){
		.signo = SIGALRM, .code = SI_TIMER, .timer_id = 3, .overrun = 4, .value = 5});

	cr_assert_eq(si.si_timerid, 3);
	cr_assert_eq(si.si_overrun, 4);
	cr_assert_eq(si.si_value.sival_int, 5);
}

Test(siginfo, decoding_what_was_encoded_gives_it_back)
{
	const struct ksiginfo cases[] = {
		{.signo = SIGTERM, .code = SI_USER, .pid = 1, .uid = 2},
		{.signo = SIGRTMIN,
		 .code = SI_QUEUE,
		 .pid = 1,
		 .uid = 2,
		 .value = 3,
		 .utime = 4,
		 .stime = 5},
		{.signo = SIGIO, .code = POLL_IN, .band = 0x41, .fd = 9},
		{.signo = SIGBUS, .code = BUS_ADRERR, .addr = 4096},
		{.signo = SIGSYS, .code = 1, .addr = 4096, .status = 60},
		{.signo = SIGCHLD,
		 .code = CLD_EXITED,
		 .pid = 3,
		 .uid = 4,
		 .status = 5,
		 .utime = 6,
		 .stime = 7},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t raw[SIGINFO_SIZE], again[SIGINFO_SIZE];
		struct ksiginfo info;

		siginfo_encode(raw, &cases[i]);
		siginfo_decode(&info, raw);
		siginfo_encode(again, &info);
		cr_assert_arr_eq(raw, again, SIGINFO_SIZE);
	}
}
