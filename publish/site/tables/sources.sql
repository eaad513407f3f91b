select
    source,
    max(finished_at) filter (where status = 'complete') as loaded_at,
    count(*) filter (where is_last and is_gap) as gaps,
    coalesce(bool_or(object = '*' and status = 'failed') filter (where is_last), false) as is_stale,
    sum(loaded) filter (where is_last) as loaded
from audits
group by source
order by source
