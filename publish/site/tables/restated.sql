select
    count(*) as restated_values,
    count(distinct period_start) as periods,
    string_agg(distinct replace(cause, '_', ' '), ', ' order by replace(cause, '_', ' ')) as causes
from meta.restatements
where version_no = (select max(version_no) from meta.publications)
