select
    status_stages.source_system,
    status_stages.workflow,
    status_stages.status,
    status_stages.stage

from {{ ref('status_stages') }} as status_stages

left join {{ ref('stages') }} as stages
    on
        status_stages.workflow = stages.workflow
        and status_stages.stage = stages.stage

where stages.stage is null
