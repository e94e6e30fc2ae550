/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include <errno.h>
#include <stdlib.h>

#include "cli/options.h"

struct values {
	const char *root;
	bool debug, quiet;
	struct string_list env;
};

static const struct option_def table[] = {
	{"root", 'r', OPTION_STRING, offsetof(struct values, root), "DIR", "root"},
	{"debug", 'd', OPTION_FLAG, offsetof(struct values, debug), NULL, "debug"},
	{"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, "quiet"},
	{"env", 'e', OPTION_LIST, offsetof(struct values, env), "N=V", "env"},
	{.name = "old", .kind = OPTION_IGNORED_STRING},
	{0},
};

static struct values v;
static struct cause cause;
static char **args;
static size_t n_args;

static int parse(enum option_order order, const char *const *argv)
{
	int argc = 0;

	while (argv[argc])
		argc++;
	free(v.env.items);
	free(args);
	args = NULL;
	v = (struct values){0};
	return options_parse(table, order, argc, (char **)argv, &v, &args, &n_args, &cause);
}

static void forget(void)
{
	free(v.env.items);
	free(args);
}

TestSuite(options, .fini = forget);

#define PARSE(order, ...) parse(order, (const char *const[]){"runsc", __VA_ARGS__, NULL})

Test(options, every_way_to_write_a_value_is_the_same)
{
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--root=/x"), 0);
	cr_assert_str_eq(v.root, "/x");
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--root", "/x"), 0);
	cr_assert_str_eq(v.root, "/x");
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "-root=/x"), 0);
	cr_assert_str_eq(v.root, "/x");
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "-root", "/x"), 0);
	cr_assert_str_eq(v.root, "/x");
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "-r", "/x"), 0);
	cr_assert_str_eq(v.root, "/x");
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "-r/x"), 0);
	cr_assert_str_eq(v.root, "/x");
}

Test(options, a_flag_takes_true_and_false)
{
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--debug"), 0);
	cr_assert(v.debug);
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--debug=false"), 0);
	cr_assert_not(v.debug);
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--debug=maybe"), -EINVAL);
	cr_assert_str_eq(cause.text, "--debug: \"maybe\" is not true or false");
}

Test(options, letters_may_be_clustered)
{
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "-dq"), 0);
	cr_assert(v.debug && v.quiet);
}

Test(options, may_follow_operands_when_the_command_says_so)
{
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "id", "--debug"), 0);
	cr_assert(v.debug);
	cr_assert_eq(n_args, 1u);
	cr_assert_eq(PARSE(OPTIONS_BEFORE_FIRST, "id", "--debug"), 0);
	cr_assert_not(v.debug);
	cr_assert_eq(n_args, 2u);
}

Test(options, two_dashes_end_them)
{
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--", "--debug"), 0);
	cr_assert_not(v.debug);
	cr_assert_str_eq(args[0], "--debug");
}

Test(options, lists_collect)
{
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "-e", "A=1", "--env=B=2"), 0);
	cr_assert_eq(v.env.n, 2u);
	cr_assert_str_eq(v.env.items[1], "B=2");
}

Test(options, an_unknown_one_is_named_as_runc_does)
{
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--bogus"), -EINVAL);
	cr_assert_str_eq(cause.text, "flag provided but not defined: -bogus");
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--root"), -EINVAL);
	cr_assert_str_eq(cause.text, "flag needs an argument: -root");
}

Test(options, an_ignored_one_takes_its_value_with_it)
{
	cr_assert_eq(PARSE(OPTIONS_ANYWHERE, "--old", "x", "id"), 0);
	cr_assert_eq(n_args, 1u);
}
