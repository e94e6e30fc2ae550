/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership made visible: scope-exit destructors, hand-over, and results that must be looked at. */
#pragma once

#include <stddef.h>

/* The local owns what it points to; fn(&local) runs when it leaves scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Gives the value of an owning variable away and leaves NULL behind. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) *take_from_ = &(p);                                                  \
		__typeof__(p) take_value_ = *take_from_;                                           \
		*take_from_ = NULL;                                                                \
		take_value_;                                                                       \
	})

#define MUST_CHECK __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The object that embeds @member at @ptr. */
#define container_of(ptr, type, member)                                                            \
	({                                                                                         \
		__typeof__(((type *)0)->member) *member_ptr_ = (ptr);                              \
		(type *)((char *)member_ptr_ - offsetof(type, member));                            \
	})

/* Defines name##p(), the CLEANUP() form of a destructor that accepts NULL. */
#define DEFINE_CLEANUP(type, fn)                                                                   \
	static inline void fn##p(type *obj)                                                        \
	{                                                                                          \
		if (*obj)                                                                          \
			fn(*obj);                                                                  \
	}

/* Each use has names of its own, so that uses nest. */
#define CAT2_(a, b) a##b
#define CAT_(a, b) CAT2_(a, b)
#define MIN_(a, b, x, y)                                                                           \
	({                                                                                         \
		__typeof__(a) x = (a);                                                             \
		__typeof__(b) y = (b);                                                             \
		x < y ? x : y;                                                                     \
	})
#define MAX_(a, b, x, y)                                                                           \
	({                                                                                         \
		__typeof__(a) x = (a);                                                             \
		__typeof__(b) y = (b);                                                             \
		x > y ? x : y;                                                                     \
	})
#define MIN(a, b) MIN_(a, b, CAT_(min_a_, __COUNTER__), CAT_(min_b_, __COUNTER__))
#define MAX(a, b) MAX_(a, b, CAT_(max_a_, __COUNTER__), CAT_(max_b_, __COUNTER__))
