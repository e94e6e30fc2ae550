/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include <errno.h>
#include <sys/resource.h>

#include "container/container.h"
#include "oci/names.h"

Test(names, signals_by_name_number_and_prefix)
{
	cr_assert_eq(signal_from_name("TERM"), 15);
	cr_assert_eq(signal_from_name("SIGTERM"), 15);
	cr_assert_eq(signal_from_name("sigterm"), 15);
	cr_assert_eq(signal_from_name("9"), 9);
	cr_assert_eq(signal_from_name("64"), 64);
}

Test(names, realtime_signals_have_the_kernels_numbers)
{
	cr_assert_eq(signal_from_name("SIGRTMIN"), 34);
	cr_assert_eq(signal_from_name("RTMIN+3"), 37);
	cr_assert_eq(signal_from_name("SIGRTMAX-1"), 63);
	cr_assert_eq(signal_from_name("RTMAX+1"), -EINVAL);
	cr_assert_eq(signal_from_name("RTMIN+"), -EINVAL);
}

Test(names, what_is_no_signal_is_refused)
{
	cr_assert_eq(signal_from_name(""), -EINVAL);
	cr_assert_eq(signal_from_name("0"), -EINVAL);
	cr_assert_eq(signal_from_name("65"), -EINVAL);
	cr_assert_eq(signal_from_name("-9"), -EINVAL);
	cr_assert_eq(signal_from_name("FOO"), -EINVAL);
}

Test(names, capabilities_and_limits)
{
	cr_assert_eq(cap_from_name("CAP_CHOWN"), 0);
	cr_assert_eq(cap_from_name("net_raw"), 13);
	cr_assert_eq(cap_from_name("CAP_CHECKPOINT_RESTORE"), 40);
	cr_assert_eq(cap_from_name("CAP_NONE"), -EINVAL);
	cr_assert_eq(rlimit_from_name("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	cr_assert_eq(rlimit_from_name("NOFILE"), -EINVAL);
}

Test(names, container_ids)
{
	cr_assert(container_id_valid("a"));
	cr_assert(container_id_valid("A_b+c-d.9"));
	cr_assert_not(container_id_valid(""));
	cr_assert_not(container_id_valid("."));
	cr_assert_not(container_id_valid(".."));
	cr_assert_not(container_id_valid("a/b"));
	cr_assert_not(container_id_valid("a b"));
	cr_assert_not(container_id_valid("\xc3\xa4"));
}
