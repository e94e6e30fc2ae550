/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as config.json: an error or a document, never a bad access. */
#include "oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cause cause;
	struct oci_spec spec;

	if (oci_spec_parse(&spec, data, size, &cause) < 0)
		return 0;
	(void)oci_spec_validate(&spec, &cause);
	oci_spec_fini(&spec);
	return 0;
}
