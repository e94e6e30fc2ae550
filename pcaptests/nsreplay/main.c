/* SPDX-License-Identifier: Apache-2.0 */
/* nsreplay: replays a capture into a network stack in virtual time and says where they differ. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "compare.h"
#include "pcapng.h"
#include "plan.h"
#include "replay.h"
#include "script.h"

enum { EXIT_SAME = 0, EXIT_DIFFERENT = 1, EXIT_PROBLEM = 2 };

static const char usage[] =
	"usage: nsreplay [OPTION]... [CAPTURE]\n"
	"       nsreplay --case DIRECTORY [--update]\n"
	"       nsreplay --dissect CAPTURE\n"
	"Replays CAPTURE (pcap, pcapng) into the stack in virtual time: the stack plays one end, "
	"gets\n"
	"what the other end sent, and what it sends is compared with what the captured end sent.\n"
	"\n"
	"  --play ADDRESS    an address that the stack plays (may be repeated)\n"
	"  --side SIDE       client or server: plays who opened the first connection, or who was "
	"called\n"
	"  --script FILE     settings and actions of the application\n"
	"  --mask NAMES      fields that are not compared: tcp.win,ip.ttl (or layers: eth)\n"
	"  --compare NAMES   fields compared although they are random: ip.id,tcp.tsval\n"
	"  --time SECONDS    instants are compared too, with this tolerance\n"
	"  --seed NUMBER     of all randomness in the stack\n"
	"  --trace           prints the conversation with what the stack decided\n"
	"  --golden FILE     writes what the stack did (pcapng), and its text to FILE.txt\n"
	"  --against FILE    compares with such a file instead of the capture\n"
	"\n"
	"A case is a directory with `case' (a script), `in.pcap' (may be missing), `golden.pcapng' "
	"and\n"
	"`golden.txt'; --update writes the last two.\n"
	"Exit: 0 no difference, 1 differences, 2 the replay could not be done.\n";

struct options {
	struct script script;
	enum plan_side side;
	const char *capture, *script_file, *golden, *against, *dir;
	bool trace, update, dissect, anonymous;
	struct problem problem;
};

static int complain(const struct problem *problem)
{
	fprintf(stderr, "nsreplay: %s\n", problem->text);
	return EXIT_PROBLEM;
}

/* --dissect: a capture as text. */
static int dissect_file(struct options *o)
{
	struct capture capture = {0};
	struct flows flows = {0};
	struct dis *dis = malloc(sizeof(*dis));
	char line[1024];

	if (!dis || capture_read(&capture, o->capture, &o->problem) < 0) {
		free(dis);
		return complain(&o->problem);
	}
	for (size_t i = 0; i < capture.n; i++) {
		dissect(dis, &capture.frames[i], capture.kind, &flows);
		dis_line(dis, line, sizeof(line));
		printf("%10.6f %s\n", (double)capture.frames[i].at / 1e9, line);
	}
	flows_fini(&flows);
	capture_fini(&capture);
	free(dis);
	return EXIT_SAME;
}

static struct cmp_rules rules_of(const struct script *s)
{
	return (struct cmp_rules){
		.mask = (const char *const *)s->mask,
		.nmask = s->nmask,
		.also = (const char *const *)s->also,
		.nalso = s->nalso,
		.tolerance = s->tolerance,
	};
}

/* Appends to the story how the capture and the replay differ. */
static int tell_differences(FILE *to, const struct options *o, const struct replay_result *result)
{
	struct cmp_rules rules = rules_of(&o->script);
	int n;

	if (!result->want.n)
		return 0;
	fprintf(to, "\n");
	n = cmp_print(to, &result->want, &result->got, &rules, "captured", "replayed");
	if (n >= 0)
		fprintf(to, "%d of %zu packets differ from the capture\n", n, result->want.n);
	return n;
}

/* What the stack sent against a golden: instants too, only chance is masked. */
static int against_golden(struct options *o, const struct replay_result *result, const char *path)
{
	struct cmp_rules rules = rules_of(&o->script);
	struct capture golden = {0};
	struct cmp_list want = {0};
	struct flows flows = {0};
	int n;

	if (pcapng_read(&golden, path, &o->problem) < 0)
		return -EINVAL;
	/* Ports chosen by the stack stand for the same captured ones if it chose the same. */
	for (const struct flow_alias *a = result->flows.aliases; a; a = a->next)
		flow_alias_add(&flows, a->proto, a->captured, a->own);
	rules.nmask = 0;
	if (rules.tolerance < 0)
		rules.tolerance = 0;
	n = replay_dissect(&want, &golden, &flows);
	if (n >= 0)
		n = cmp_print(stdout, &want, &result->got, &rules, "golden", "replayed");
	flows_fini(&flows);
	cmp_fini(&want);
	capture_fini(&golden);
	return n;
}

static char *slurp(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	struct stat st;

	if (file && !fstat(fileno(file), &st) && st.st_size < (64 << 20))
		text = malloc((size_t)st.st_size + 1);
	if (text) {
		*len = fread(text, 1, (size_t)st.st_size, file);
		text[*len] = '\0';
	}
	if (file)
		fclose(file);
	return text;
}

/* Prints where two texts part. */
static void first_difference(const char *path, const char *old, const char *new)
{
	unsigned line = 1;

	while (*old && *new) {
		size_t a = strcspn(old, "\n"), b = strcspn(new, "\n");

		if (a != b || memcmp(old, new, a))
			break;
		old += a + (old[a] == '\n');
		new += b + (new[b] == '\n');
		line++;
	}
	printf("%s:%u: the story is another one from here on\n- %.*s\n+ %.*s\n", path, line,
	       (int)strcspn(old, "\n"), old, (int)strcspn(new, "\n"), new);
}

/* The text twin: as committed? */
static int against_twin(const char *path, const char *story)
{
	size_t len;
	char *text = slurp(path, &len);
	int r;

	if (!text) {
		printf("%s: missing\n", path);
		return 1;
	}
	r = strcmp(text, story) ? 1 : 0;
	if (r)
		first_difference(path, text, story);
	free(text);
	return r;
}

static int write_golden(struct options *o, const struct replay_result *result, const char *path,
			const char *twin, const char *story)
{
	FILE *to;

	if (pcapng_write(&result->did, path, &o->problem) < 0)
		return complain(&o->problem);
	to = fopen(twin, "we");
	if (!to || fputs(story, to) < 0 || fclose(to)) {
		problem_set(&o->problem, -errno, "%s: %s", twin, strerror(errno));
		return complain(&o->problem);
	}
	return EXIT_SAME;
}

static int judge(struct options *o, const struct replay_result *result, const char *story,
		 int differences)
{
	char golden[4096], twin[4104];
	int n;

	if (o->trace)
		fputs(story, stdout);
	if (o->dir) {
		snprintf(golden, sizeof(golden), "%s/golden.pcapng", o->dir);
		snprintf(twin, sizeof(twin), "%s/golden.txt", o->dir);
	} else {
		snprintf(golden, sizeof(golden), "%s", o->golden ? o->golden : "");
		snprintf(twin, sizeof(twin), "%s.txt", golden);
	}
	if (o->dir ? o->update : o->golden != NULL)
		return write_golden(o, result, golden, twin, story);
	if (o->dir || o->against) {
		n = against_golden(o, result, o->against ? o->against : golden);
		if (n < 0)
			return complain(&o->problem);
		if (o->dir)
			n += against_twin(twin, story);
		if (n && o->dir)
			printf("if this is meant: pcaptests/update, and review the text\n");
		return n ? EXIT_DIFFERENT : EXIT_SAME;
	}
	if (!o->trace)
		tell_differences(stdout, o, result);
	return differences > 0 ? EXIT_DIFFERENT : EXIT_SAME;
}

/* Everything is read: plays it. */
static int play(struct options *o, const struct capture *capture)
{
	struct replay_result result;
	size_t partial = 0, story_len;
	char *story = NULL;
	int r, differences;
	FILE *to;

	if (plan_derive(&o->script, capture, &partial) < 0)
		return EXIT_PROBLEM;
	script_sort(&o->script);
	to = open_memstream(&story, &story_len);
	if (!to)
		return EXIT_PROBLEM;
	if (partial)
		fprintf(to, "# %zu conversations begin before the capture: left out\n", partial);
	if (capture->ignored)
		fprintf(to, "# %zu packets are not IP: left out\n", capture->ignored);
	r = replay_run(&result, &o->script, capture, to, &o->problem);
	differences = r < 0 ? r : tell_differences(to, o, &result);
	fclose(to);
	if (r < 0)
		r = complain(&o->problem);
	else if (differences < 0)
		r = EXIT_PROBLEM;
	else
		r = judge(o, &result, story, differences);
	replay_fini(&result);
	free(story);
	return r;
}

static int run(struct options *o)
{
	struct capture capture = {0};
	char path[4096];
	int r;

	if (o->dir) {
		snprintf(path, sizeof(path), "%s/case", o->dir);
		if (script_read(&o->script, path, &o->problem) < 0)
			return complain(&o->problem);
		snprintf(path, sizeof(path), "%s/in.pcap", o->dir);
		if (!access(path, F_OK))
			o->capture = path;
	}
	if (o->script_file && script_read(&o->script, o->script_file, &o->problem) < 0)
		return complain(&o->problem);
	capture.kind = o->script.link.kind == NET_LINK_ETHER ? FRAME_ETHER : FRAME_IP;
	if (o->capture) {
		if (capture_read(&capture, o->capture, &o->problem) < 0 ||
		    plan_choose(&o->script, &capture, o->side, &o->problem) < 0) {
			capture_fini(&capture);
			return complain(&o->problem);
		}
	}
	r = play(o, &capture);
	capture_fini(&capture);
	return r;
}

/* An option with a value is a line of a script. */
static int option_line(struct options *o, const char *word, const char *value)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s", word, value);
	return script_parse(&o->script, line, strlen(line), "command line", &o->problem);
}

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option list[] = {
		{"play", required_argument, NULL, 'p'},
		{"side", required_argument, NULL, 's'},
		{"script", required_argument, NULL, 'f'},
		{"mask", required_argument, NULL, 'm'},
		{"compare", required_argument, NULL, 'c'},
		{"time", required_argument, NULL, 't'},
		{"seed", required_argument, NULL, 'r'},
		{"trace", no_argument, NULL, 'v'},
		{"golden", required_argument, NULL, 'g'},
		{"against", required_argument, NULL, 'a'},
		{"case", required_argument, NULL, 'd'},
		{"update", no_argument, NULL, 'u'},
		{"dissect", no_argument, NULL, 'x'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c, r = 0;

	while (!r && (c = getopt_long(argc, argv, "hv", list, NULL)) != -1) {
		switch (c) {
		case 'p':
			r = option_line(o, "play", optarg);
			break;
		case 's':
			o->side = !strcmp(optarg, "client") ? PLAN_CLIENT : PLAN_SERVER;
			if (o->side == PLAN_SERVER && strcmp(optarg, "server"))
				r = problem_set(&o->problem, -EINVAL, "--side %s: client or server",
						optarg);
			break;
		case 'f':
			o->script_file = optarg;
			break;
		case 'm':
			r = option_line(o, "mask", optarg);
			break;
		case 'c':
			r = option_line(o, "compare", optarg);
			break;
		case 't':
			r = option_line(o, "time", optarg);
			break;
		case 'r':
			r = option_line(o, "seed", optarg);
			break;
		case 'v':
			o->trace = true;
			break;
		case 'g':
			o->golden = optarg;
			break;
		case 'a':
			o->against = optarg;
			break;
		case 'd':
			o->dir = optarg;
			break;
		case 'u':
			o->update = true;
			break;
		case 'x':
			o->dissect = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			r = problem_set(&o->problem, -EINVAL, "see nsreplay --help");
			break;
		}
	}
	if (!r && optind < argc)
		o->capture = argv[optind++];
	if (!r && (optind < argc || (!o->capture && !o->dir && !o->script_file) ||
		   (o->capture && o->dir) || (o->dissect && !o->capture)))
		r = problem_set(&o->problem, -EINVAL,
				"one capture or one case, see nsreplay --help");
	return r;
}

int main(int argc, char **argv)
{
	struct options *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return EXIT_PROBLEM;
	script_init(&o->script);
	if (parse(o, argc, argv) < 0)
		r = complain(&o->problem);
	else if (o->dissect)
		r = dissect_file(o);
	else
		r = run(o);
	script_fini(&o->script);
	free(o);
	return r;
}
