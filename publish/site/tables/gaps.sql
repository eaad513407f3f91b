-- What could not be read as a whole is stale since it last was.
select
    source,
    object,
    scope,
    status,
    message,
    acl_gap,
    if(object = '*' and status = 'failed', read_at, null) as stale_since
from (
    select
        *,
        max(finished_at) filter (where status = 'complete') over (partition by source) as read_at
    from audits
)
where is_last and is_gap
order by source, object, scope
