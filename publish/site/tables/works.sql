select
    workflow || '/' || level as key,
    upper(workflow[1]) || replace(workflow[2:], '_', ' ')
    || if(count(*) over (partition by workflow) > 1, ' · ' || level, '') as name,
    items
from (
    select workflow, level, count(*) as items
    from marts.dim_work_items
    where is_current
    group by workflow, level
)
order by key = 'software/story' desc, items desc, key
