with

jobs as (

    select
        ci_job_key,
        runner_labels

    from {{ ref('stg_github__jobs') }}

    union all

    select
        ci_job_key,
        runner_labels

    from {{ ref('stg_gitlab__jobs') }}

),

final as (

    select
        jobs.ci_job_key,
        lower(label) as label,
        min(label_no) as label_no

    from jobs

    {{ each('jobs.runner_labels', 'label', 'label_no') }}

    where label is not null

    group by 1, 2

)

select
    ci_job_key || ':' || label as ci_runner_label_id,
    ci_job_key,
    label,
    label_no

from final
