select
    status_stages.source_system,
    status_stages.workflow,
    status_stages.status,
    status_stages.stage

from {{ own_first('status_stages') }} as status_stages

left join {{ own_first('stages') }} as stages
    on
        status_stages.workflow = stages.workflow
        and status_stages.stage = stages.stage

where stages.stage is null
