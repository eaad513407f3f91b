select
    source,
    max(finished_at) filter (where status = 'complete') as loaded_at,
    count(*) filter (where is_last and is_gap) as gaps,
    sum(loaded) filter (where is_last) as loaded
from audits
group by source
order by source
