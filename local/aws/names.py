"""Pure: the names that CloudFormation gives to resources whose templates name none.

AWS documents only that a name contains the stack's name, the logical ID and a unique part. How a
long name is cut is known by observation: both parts share the room that the suffix and the hyphens
leave, the stack's name gets the odd character, and each part gets what the other leaves.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
https://github.com/KensioSoftware/yulin/issues/1113
https://gist.github.com/christianklotz/468a240a75f4ae3e73bd52722f926acb
"""


def generated_name(stack: str, logical_id: str, suffix: str, limit: int) -> str:
    """Return the name `stack-logicalid-suffix` in at most `limit` characters.

    The suffix of AWS is random, and has 12 or 13 letters and digits; it is never cut.

    >>> generated_name("MyStackDev-MyApplication", "Function", "1U44TLUZ7OR55", 40)
    'MyStackDev-MyAppl-Function-1U44TLUZ7OR55'
    """
    room = limit - len(suffix) - 2
    ours = min(len(logical_id), max(room // 2, room - len(stack)))
    return f"{stack[: room - ours]}-{logical_id[:ours]}-{suffix}"
